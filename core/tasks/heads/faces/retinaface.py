"""RetinaFace (biubug6/Pytorch_Retinaface) and the smaller models of the same code (Face-Detector-1MB-with-landmark).

Three outputs: deltas (1, n, 4), shares of background and face (1, n, 2), mostly after the softmax, and deltas of five
keypoints (1, n, 10), all relative to prior boxes about the middle of each cell: squares of two sizes for each of the
strides 8, 16 and 32, or UltraFace's sizes. Variances are 0.1 and 0.2 (utils/box_utils.py,
layers/functions/prior_box.py, data/config.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.runtimes.predictor import Tensor
from core.tasks.base import Evidence
from core.tasks.heads.activations import best_of_scores, best_of_softmax
from core.tasks.heads.base import Candidates
from core.tasks.heads.grids import from_priors, points, rows, with_scores
from core.tasks.heads.output_checks import are_distributions, are_scores, cells, samples

_VARIANCES = (0.1, 0.2)
Sides = tuple[tuple[int, tuple[int, ...]], ...]
"""Strides with the sides of their prior boxes, in pixels."""

_RETINAFACE: Sides = ((8, (16, 32)), (16, (64, 128)), (32, (256, 512)))
_SIDES: Mapping[str, Sides] = {
    "RetinaFace": _RETINAFACE,
    "RetinaFace (RFB, slim)": ((8, (10, 16, 24)), (16, (32, 48)), (32, (64, 96)), (64, (128, 192, 256))),
}


@dataclass(frozen=True)
class RetinaFace:
    """Corrections of prior boxes, and of five points in each."""

    deltas: str
    scores: str
    keypoints: str
    name: str = "RetinaFace"
    activated: bool = True
    """Whether scores are after the softmax."""

    class_count: int = 1
    nms_iou: float | None = 0.4
    default_score: float = 0.5
    sides: Sides = _RETINAFACE
    variances: tuple[float, float] = _VARIANCES

    def decode(self, outputs: Mapping[str, Tensor], input_size: tuple[int, int], *, least: float) -> Candidates:
        """See :class:`~core.tasks.heads.base.Head`."""
        shares = rows(outputs, (self.scores,), 2)
        if self.activated:
            kept, scores, labels = best_of_scores(shares[:, 1:], least)
        else:
            kept, scores, labels = best_of_softmax(shares, least, background=0)
        priors = _priors(input_size, self.sides)[kept]
        boxes = from_priors(priors, rows(outputs, (self.deltas,), 4)[kept], self.variances)
        ways = rows(outputs, (self.keypoints,), 10)[kept].reshape(-1, 5, 2)
        places = priors[:, None, :2] + ways * self.variances[0] * priors[:, None, 2:]
        return Candidates(boxes, scores, labels, keypoints=with_scores(places.reshape(-1, 10)))


def _priors(input_size: tuple[int, int], all_sides: Sides) -> NDArray[np.float32]:
    """Prior boxes cx, cy, w, h in pixels."""
    levels = []
    for stride, sides in all_sides:
        places, _ = points(input_size, (stride,), offset=0.5, per_cell=len(sides))
        sizes = np.tile(np.array(sides, np.float32), len(places) // len(sides))[:, None]
        levels.append(np.concatenate((places, sizes, sizes), axis=1))
    return np.concatenate(levels)


def recognize(evidence: Evidence) -> RetinaFace | None:
    """By three lists of as many rows as there are prior boxes, with 4, 2 and 10 values."""
    outputs = evidence.outputs[0]
    if evidence.input_size is None or len(outputs) != 3 or any(tensor.ndim != 3 for tensor in outputs.values()):
        return None
    by_values = {tensor.shape[2]: name for name, tensor in outputs.items()}
    counts = {tensor.shape[1] for tensor in outputs.values()}
    if by_values.keys() != {2, 4, 10} or len(counts) != 1:
        return None
    count = counts.pop()
    for name, all_sides in _SIDES.items():
        if count == sum(len(sides) * cells(evidence.input_size, (stride,)) for stride, sides in all_sides):
            shares = np.concatenate(samples(evidence, by_values[2]))
            activated = are_scores(shares) and are_distributions(shares)
            return RetinaFace(by_values[4], by_values[2], by_values[10], name, activated, sides=all_sides)
    return None

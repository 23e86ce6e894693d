"""CenterFace: a heatmap of stride 4, and for each cell the size of the face, the place of its centre, and five points.

Four outputs: heatmap (1, 1, h, w) after the sigmoid, logarithms of height and width in cells (1, 2, h, w), offsets of y
and x (1, 2, h, w), and points (1, 10, h, w): y and x from the upper left corner of the box, in shares of it
(Star-Clouds/CenterFace, prj-python/centerface.py). Where that code moves a box that reaches over the edge, points move
with it; here both stay where they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.runtimes.predictor import Tensor
from core.tasks.base import Evidence
from core.tasks.heads.activations import best_of_scores
from core.tasks.heads.base import Candidates
from core.tasks.heads.grids import exponential, points, rows, with_scores
from core.tasks.heads.output_checks import are_scores

_STRIDE = 4


@dataclass(frozen=True)
class CenterFace:
    """One face for each cell of one grid."""

    heatmap: str
    sizes: str
    offsets: str
    keypoints: str
    class_count: int = 1
    name: str = "CenterFace"
    nms_iou: float | None = 0.3
    default_score: float = 0.35
    stride: int = _STRIDE
    """In pixels of the input."""

    def decode(self, outputs: Mapping[str, Tensor], input_size: tuple[int, int], *, least: float) -> Candidates:
        """See :class:`~core.tasks.heads.base.Head`."""
        kept, scores, labels = best_of_scores(rows(outputs, (self.heatmap,), 1), least)
        places, _ = points(input_size, (self.stride,), offset=0.5)
        sizes = exponential(rows(outputs, (self.sizes,), 2)[kept, ::-1]) * self.stride
        corners = places[kept] + rows(outputs, (self.offsets,), 2)[kept, ::-1] * self.stride - sizes / 2
        ways = rows(outputs, (self.keypoints,), 10)[kept].reshape(-1, 5, 2)[:, :, ::-1]
        coordinates = (corners[:, None] + ways * sizes[:, None]).reshape(-1, 10)
        boxes = np.concatenate((corners, corners + sizes), axis=1, dtype=np.float32)
        return Candidates(boxes, scores, labels, keypoints=with_scores(coordinates))


def recognize(evidence: Evidence) -> CenterFace | None:
    """By four outputs of stride 4 with 1, 2, 2 and 10 channels; sizes stand before offsets."""
    outputs, size = evidence.outputs[0], evidence.input_size
    if size is None or len(outputs) != 4 or any(tensor.ndim != 4 for tensor in outputs.values()):
        return None
    grids = {tensor.shape[2:] for tensor in outputs.values()}
    names = sorted(outputs, key=lambda name: outputs[name].shape[1])
    if grids != {(size[0] // _STRIDE, size[1] // _STRIDE)}:
        return None
    if [outputs[name].shape[1] for name in names] != [1, 2, 2, 10]:
        return None
    if not all(are_scores(rows(each, names[:1], 1)) for each in evidence.outputs):
        return None
    heatmap, sizes, offsets, keypoints = names
    return CenterFace(heatmap, sizes, offsets, keypoints)

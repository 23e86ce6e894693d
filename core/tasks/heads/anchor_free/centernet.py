"""CenterNet (Objects as Points, Zhou et al., 2019): a heatmap for each class, whose peaks are the centres of objects.

Three outputs of stride 4: heatmaps (1, classes, h, w), sizes (1, 2, h, w): width and height in cells, and offsets (1,
2, h, w): x and y of the centre in its cell. A peak is a cell that is no lower than its eight neighbours, so no
suppression of boxes follows (src/lib/models/decode.py of xingyizhou/CenterNet;
mmdet/models/dense_heads/centernet_head.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.runtimes.predictor import Tensor
from core.tasks.base import Evidence
from core.tasks.heads.activations import logit, sigmoid
from core.tasks.heads.base import Candidates
from core.tasks.heads.boxes import to_corners
from core.tasks.heads.output_checks import are_scores, first_image, samples

_STRIDE = 4
_USUAL_SCORE = 0.3
"""Most cells are empty: the median of a detector's heatmaps is lower than this."""


@dataclass(frozen=True)
class CenterNet:
    """Peaks of heatmaps, with the size of the box around each."""

    heatmaps: str
    sizes: str
    offsets: str
    class_count: int
    activated: bool = True
    """Whether heatmaps are after the sigmoid."""

    name: str = "CenterNet"
    nms_iou: float | None = None
    default_score: float = 0.3
    stride: int = _STRIDE
    """In pixels of the input."""

    def decode(self, outputs: Mapping[str, Tensor], input_size: tuple[int, int], *, least: float) -> Candidates:
        """See :class:`~core.tasks.heads.base.Head`."""
        del input_size  # the stride says it
        heatmaps = first_image(outputs[self.heatmaps])
        labels, y, x = _peaks(heatmaps, least if self.activated else logit(least))
        scores = heatmaps[labels, y, x] if self.activated else sigmoid(heatmaps[labels, y, x])
        offsets, sizes = first_image(outputs[self.offsets])[:, y, x], first_image(outputs[self.sizes])[:, y, x]
        boxes = np.stack((x + offsets[0], y + offsets[1], sizes[0], sizes[1]), axis=1) * np.float32(self.stride)
        return Candidates(to_corners(np.asarray(boxes, np.float32)), scores, labels)


def _peaks(heatmaps: NDArray[np.float32], least: float) -> tuple[NDArray[np.int64], ...]:
    """Class, row and column of the cells from ``least`` on that are no lower than their neighbours."""
    labels, y, x = np.nonzero(heatmaps >= least)
    padded = np.pad(heatmaps, ((0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    around = [padded[labels, y + down, x + right] for down in range(3) for right in range(3)]
    kept = heatmaps[labels, y, x] >= np.max(around, axis=0)
    return labels[kept], y[kept], x[kept]


def recognize(evidence: Evidence) -> CenterNet | None:
    """By three outputs of stride 4, two of them with two channels, and by heatmaps that are low nearly everywhere."""
    size, outputs = evidence.input_size, evidence.outputs[0]
    if size is None or len(outputs) != 3:
        return None
    grid = (size[0] / _STRIDE, size[1] / _STRIDE)
    if any(tensor.ndim != 4 or tensor.shape[2:] != grid for tensor in outputs.values()):
        return None
    pairs = [name for name, tensor in outputs.items() if tensor.shape[1] == 2]
    if len(pairs) != 2:
        return None
    (heatmaps,) = outputs.keys() - set(pairs)
    sizes, offsets = pairs  # in this order in both sources
    values = np.concatenate(samples(evidence, heatmaps))
    activated = are_scores(values)
    if np.median(values) > (_USUAL_SCORE if activated else logit(_USUAL_SCORE)):
        return None
    return CenterNet(heatmaps, sizes, offsets, outputs[heatmaps].shape[1], activated)

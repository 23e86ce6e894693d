"""FastestDet: one grid of stride 16 or 32, as (1, 5 + classes, rows, columns).

The objectness, x, y, w, h, and the classes' shares; centre = (cell + tanh(xy)) x stride, size = sigmoid(wh) x input,
score = objectness^0.6 x share^0.4 (example/onnx-runtime/runtime.py of dog-qiuqiu/FastestDet). The shares of the classes
sum to 1 in every cell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.runtimes.predictor import Tensor
from core.tasks.base import Evidence
from core.tasks.heads.activations import best_of_scores, sigmoid
from core.tasks.heads.base import Candidates
from core.tasks.heads.boxes import to_corners
from core.tasks.heads.grids import rows
from core.tasks.heads.output_checks import are_distributions, are_scores

_STRIDES = (16, 32)
_OBJECTNESS_POWER = 0.6


@dataclass(frozen=True)
class FastestDet:
    """One box for each cell of one grid."""

    output: str
    class_count: int
    name: str = "FastestDet"
    nms_iou: float | None = 0.45
    default_score: float = 0.65
    objectness_power: float = _OBJECTNESS_POWER
    """Of the objectness in the score; that of the class's share is 1 less it."""

    def decode(self, outputs: Mapping[str, Tensor], input_size: tuple[int, int], *, least: float) -> Candidates:
        """See :class:`~core.tasks.heads.base.Head`."""
        values = rows(outputs, (self.output,), 5 + self.class_count)
        objectness = np.maximum(values[:, :1], 0) ** self.objectness_power
        shares = np.maximum(values[:, 5:], 0) ** (1 - self.objectness_power)
        kept, scores, labels = best_of_scores(np.asarray(objectness * shares, np.float32), least)
        row_count, column_count = outputs[self.output].shape[2:]
        cell = np.stack((kept % column_count, kept // column_count), axis=1)
        wide = np.array((input_size[1], input_size[0]), np.float32)
        centres = (cell + np.tanh(values[kept, 1:3])) / (column_count, row_count) * wide
        boxes = np.concatenate((centres, sigmoid(values[kept, 3:5]) * wide), axis=1, dtype=np.float32)
        return Candidates(to_corners(boxes), scores, labels)


def recognize(evidence: Evidence) -> FastestDet | None:
    """By a single grid whose first channel is a score, and whose channels from the sixth on sum to 1."""
    if evidence.input_size is None or len(evidence.outputs[0]) != 1:
        return None
    ((name, tensor),) = evidence.outputs[0].items()
    grids = [(evidence.input_size[0] / stride, evidence.input_size[1] / stride) for stride in _STRIDES]
    if tensor.ndim != 4 or tensor.shape[1] < 6 or tensor.shape[2:] not in grids:
        return None
    values = np.concatenate([rows(outputs, (name,), tensor.shape[1]) for outputs in evidence.outputs])
    boxes_are_raw = bool(((values[:, 1:5] < 0) | (values[:, 1:5] > 1)).any())
    if not are_scores(values[:, :1]) or not are_distributions(values[:, 5:]) or not boxes_are_raw:
        return None
    return FastestDet(name, tensor.shape[1] - 5)

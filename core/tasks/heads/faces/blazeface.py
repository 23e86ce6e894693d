"""BlazeFace and the other detectors of MediaPipe that share its form: palms, and people for BlazePose.

Two outputs: boxes (1, n, 4 + 2 x points) with x, y, w, h and the points, in pixels, centres and points relative to the
middle of a cell; and logits (1, n, 1). A cell has two anchors for each layer of its stride, in the full-range model one
(mediapipe/calculators/tflite/ssd_anchors_calculator.cc, modules/face_detection, palm_detection and pose_detection).
MediaPipe averages overlapping boxes instead of keeping the best.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.runtimes.predictor import Tensor
from core.tasks.base import Evidence
from core.tasks.heads.activations import best_of_logits
from core.tasks.heads.base import Candidates
from core.tasks.heads.boxes import to_corners
from core.tasks.heads.grids import points, rows, with_scores
from core.tasks.heads.output_checks import cells

Anchors = tuple[tuple[int, int], ...]
"""Stride and anchors of a cell, in the order of the output."""

_ANCHORS: tuple[tuple[int, Anchors], ...] = (
    (128, ((8, 2), (16, 6))),
    (192, ((8, 2), (16, 6))),
    (192, ((4, 1),)),
    (224, ((8, 2), (16, 2), (32, 6))),
    (256, ((16, 2), (32, 6))),
    (256, ((8, 2), (16, 2), (32, 6))),
)
"""Height and width of the input -> anchors: short range; palms; full range; people; back camera; palms of 2019."""

_NAMES = {16: "BlazeFace", 18: "BlazePalm", 12: "BlazePose"}
"""By the number of values of a box: six points of a face, seven of a palm, four of a body."""


@dataclass(frozen=True)
class BlazeFace:
    """One box and its points for each anchor."""

    boxes: str
    logits: str
    anchors: Anchors
    values: int
    """Numbers for each box."""

    name: str
    class_count: int = 1
    nms_iou: float | None = 0.3
    default_score: float = 0.5

    def decode(self, outputs: Mapping[str, Tensor], input_size: tuple[int, int], *, least: float) -> Candidates:
        """See :class:`~core.tasks.heads.base.Head`."""
        kept, scores, labels = best_of_logits(rows(outputs, (self.logits,), 1), least)
        places, values = self._places(input_size)[kept], rows(outputs, (self.boxes,), self.values)[kept]
        boxes = np.concatenate((values[:, :2] + places, values[:, 2:4]), axis=1)
        coordinates = values[:, 4:] + np.tile(places, (self.values - 4) // 2)
        return Candidates(to_corners(boxes), scores, labels, keypoints=with_scores(coordinates))

    def _places(self, input_size: tuple[int, int]) -> NDArray[np.float32]:
        grids = [points(input_size, (stride,), offset=0.5, per_cell=count)[0] for stride, count in self.anchors]
        return np.concatenate(grids)


def recognize(evidence: Evidence) -> BlazeFace | None:
    """By the number of anchors at this size of input, one logit and 12, 16 or 18 values for each."""
    outputs, size = evidence.outputs[0], evidence.input_size
    if size is None or len(outputs) != 2 or any(tensor.ndim != 3 for tensor in outputs.values()):
        return None
    logits, boxes = sorted(outputs, key=lambda name: outputs[name].shape[2])
    _, count, values = outputs[boxes].shape
    if outputs[logits].shape[1:] != (count, 1) or values not in _NAMES:
        return None
    for side, anchors in _ANCHORS:
        if size == (side, side) and count == sum(number * cells(size, (stride,)) for stride, number in anchors):
            return BlazeFace(boxes, logits, anchors, values, _NAMES[values])
    return None

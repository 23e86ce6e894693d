"""YuNet of OpenCV's model zoo: centres, sizes and five keypoints in strides, one box for each cell.

For each of the strides 8, 16 and 32 (1, n, values): class ``cls_8`` and objectness ``obj_8`` with one value after the
sigmoid, ``bbox_8`` with four and ``kps_8`` with ten. The score is the square root of class x objectness; centre = (cell
+ xy) x stride, size = exp(wh) x stride, point = (cell + point) x stride (modules/objdetect/src/face_detect.cpp).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.runtimes.predictor import Tensor
from core.tasks.base import Evidence
from core.tasks.heads.activations import best_of_scores
from core.tasks.heads.base import Candidates
from core.tasks.heads.grids import from_centres, points, pyramid, rows, with_scores
from core.tasks.heads.output_checks import are_scores

_STRIDES = (8, 16, 32)


@dataclass(frozen=True)
class YuNet:
    """One face for each cell."""

    scores: tuple[tuple[str, ...], tuple[str, ...]]
    """Outputs with the class, and with the objectness: the order does not matter."""

    boxes: tuple[str, ...]
    keypoints: tuple[str, ...]
    class_count: int = 1
    name: str = "YuNet"
    nms_iou: float | None = 0.3
    default_score: float = 0.6
    strides: tuple[int, ...] = _STRIDES

    def decode(self, outputs: Mapping[str, Tensor], input_size: tuple[int, int], *, least: float) -> Candidates:
        """See :class:`~core.tasks.heads.base.Head`."""
        one, other = (np.clip(rows(outputs, names, 1), 0, 1) for names in self.scores)
        kept, scores, labels = best_of_scores(np.sqrt(one * other), least)
        places, strides = points(input_size, self.strides, offset=0)
        places, strides = places[kept], strides[kept]
        boxes = from_centres(places, strides, rows(outputs, self.boxes, 4)[kept])
        coordinates = np.tile(places, 5) + rows(outputs, self.keypoints, 10)[kept] * strides
        return Candidates(boxes, scores, labels, keypoints=with_scores(coordinates))


def recognize(evidence: Evidence) -> YuNet | None:
    """By lists of 1, 1, 4 and 10 values for each cell of the three strides."""
    found = None if evidence.input_size is None else pyramid(evidence.outputs[0], evidence.input_size)
    if found is None or found.strides != _STRIDES or sorted(found.channels) != [1, 1, 4, 10]:
        return None
    one, other = (group for group, values in zip(found.groups, found.channels, strict=True) if values == 1)
    if not all(are_scores(rows(outputs, one + other, 1)) for outputs in evidence.outputs):
        return None
    boxes, keypoints = (found.groups[found.channels.index(values)] for values in (4, 10))
    return YuNet((one, other), boxes, keypoints)

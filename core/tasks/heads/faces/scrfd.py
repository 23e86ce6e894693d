"""SCRFD of InsightFace: distances from the upper left corner of a cell in strides, with two anchors for each cell.

For each of the strides 8, 16 and 32 scores (n, 1) after the sigmoid, distances (n, 4) of the left, top, right and
bottom side, and mostly five keypoints (n, 10) relative to the cell; newer exports have a batch axis before. Models with
the strides 8 to 128 have one anchor (python-package/insightface/model_zoo/scrfd.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.runtimes.predictor import Tensor
from core.tasks.base import Evidence
from core.tasks.heads.activations import best_of_scores
from core.tasks.heads.base import Candidates
from core.tasks.heads.grids import from_distances, points, pyramid, rows, with_scores
from core.tasks.heads.output_checks import are_scores

_ANCHORS = {(8, 16, 32): 2, (8, 16, 32, 64, 128): 1}


@dataclass(frozen=True)
class Scrfd:
    """Boxes by distances from a cell's corner, and five points."""

    strides: tuple[int, ...]
    per_cell: int
    scores: tuple[str, ...]
    distances: tuple[str, ...]
    keypoints: tuple[str, ...] = ()
    class_count: int = 1
    name: str = "SCRFD"
    nms_iou: float | None = 0.4
    default_score: float = 0.5

    def decode(self, outputs: Mapping[str, Tensor], input_size: tuple[int, int], *, least: float) -> Candidates:
        """See :class:`~core.tasks.heads.base.Head`."""
        kept, scores, labels = best_of_scores(rows(outputs, self.scores, 1), least)
        places, strides = points(input_size, self.strides, offset=0, per_cell=self.per_cell)
        places, strides = places[kept], strides[kept]
        boxes = from_distances(places, rows(outputs, self.distances, 4)[kept] * strides)
        if not self.keypoints:
            return Candidates(boxes, scores, labels)
        coordinates = np.tile(places, 5) + rows(outputs, self.keypoints, 10)[kept] * strides
        return Candidates(boxes, scores, labels, keypoints=with_scores(coordinates))


def recognize(evidence: Evidence) -> Scrfd | None:
    """By lists of 1, 4 and 10 values for each anchor of each stride."""
    if evidence.input_size is None or any(tensor.ndim > 3 for tensor in evidence.outputs[0].values()):
        return None
    for strides, per_cell in _ANCHORS.items():
        found = pyramid(evidence.outputs[0], evidence.input_size, per_cell=per_cell)
        if found is None or found.strides != strides or sorted(found.channels) not in ([1, 4], [1, 4, 10]):
            continue
        groups = dict(zip(found.channels, found.groups, strict=True))
        if all(are_scores(rows(outputs, groups[1], 1)) for outputs in evidence.outputs):
            return Scrfd(strides, per_cell, groups[1], groups[4], groups.get(10, ()))
    return None

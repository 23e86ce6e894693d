"""PP-YOLOE and PicoDet of PaddleDetection, exported without non-maximum suppression.

Boxes (1, n, 4): x1, y1, x2, y2 in pixels; scores (1, classes, n) after the sigmoid, one row a class (``exclude_nms`` in
ppdet/modeling/heads/ppyoloe_head.py and pico_head.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.runtimes.predictor import Tensor
from core.tasks.base import Evidence
from core.tasks.heads.activations import best_of_scores
from core.tasks.heads.base import Candidates
from core.tasks.heads.output_checks import are_corners, are_scores, cells, first_image, names_of_rank, samples

_STRIDES = {(8, 16, 32): ("PP-YOLOE", 0.7, 0.5), (8, 16, 32, 64): ("PicoDet", 0.6, 0.4)}
"""Name, IoU of the suppression, and score, as the configs have them."""


@dataclass(frozen=True)
class PPYoloE:
    """Boxes in one output; in another the scores, class by class."""

    boxes: str
    scores: str
    class_count: int
    name: str = "PP-YOLOE"
    nms_iou: float | None = 0.7
    default_score: float = 0.5

    def decode(self, outputs: Mapping[str, Tensor], input_size: tuple[int, int], *, least: float) -> Candidates:
        """See :class:`~core.tasks.heads.base.Head`."""
        del input_size  # boxes are in its pixels
        kept, scores, labels = best_of_scores(first_image(outputs[self.scores]).T, least)
        return Candidates(first_image(outputs[self.boxes])[kept], scores, labels)


def recognize(evidence: Evidence) -> PPYoloE | None:
    """By as many boxes as the grids have cells, and scores that stand the other way round."""
    names = names_of_rank(evidence, 3)
    if evidence.input_size is None or len(names) != 2 or len(evidence.outputs[0]) != 2:
        return None
    boxes, scores = sorted(names, key=lambda name: evidence.outputs[0][name].shape[2])
    _, count, columns = evidence.outputs[0][boxes].shape
    _, classes, other_count = evidence.outputs[0][scores].shape
    family = [found for strides, found in _STRIDES.items() if count == cells(evidence.input_size, strides)]
    if columns != 4 or count != other_count or not family:
        return None
    if not are_scores(np.concatenate(samples(evidence, scores))):
        return None
    if not are_corners(np.concatenate(samples(evidence, boxes))):
        return None
    return PPYoloE(boxes, scores, classes, *family[0])

"""SSDs with decoded boxes, suppression outside: qfgaohao's pytorch-ssd, and UltraFace, which descends from it.

``scores`` (1, n, classes + 1) after the softmax, the background first, and ``boxes`` (1, n, 4): x1, y1, x2, y2 in
shares of the input (vision/ssd/ssd.py of both). UltraFace has three, two, two and three boxes for each cell of the
strides 8, 16, 32 and 64.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.runtimes.predictor import Tensor
from core.tasks.base import Evidence
from core.tasks.heads.activations import best_of_scores
from core.tasks.heads.anchor_based.prior_layouts import flat_layout
from core.tasks.heads.base import Candidates
from core.tasks.heads.boxes import are_shares, to_pixels
from core.tasks.heads.output_checks import are_corners, are_distributions, are_scores, cells, first_image, samples

ULTRAFACE_BOXES = {8: 3, 16: 2, 32: 2, 64: 3}
"""Stride -> boxes of a cell."""


@dataclass(frozen=True)
class DecodedSsd:
    """Boxes in one output; in another the shares of the background and of each class."""

    boxes: str
    scores: str
    class_count: int
    name: str
    first_class: int = 0
    """Number of the first class: 1 where the names of the classes begin with that of the background."""

    nms_iou: float | None = 0.45
    default_score: float = 0.4

    def decode(self, outputs: Mapping[str, Tensor], input_size: tuple[int, int], *, least: float) -> Candidates:
        """See :class:`~core.tasks.heads.base.Head`."""
        kept, scores, labels = best_of_scores(first_image(outputs[self.scores])[:, 1:], least)
        boxes = to_pixels(first_image(outputs[self.boxes])[kept], input_size)
        return Candidates(boxes, scores, labels + self.first_class)


def recognize(evidence: Evidence) -> DecodedSsd | None:
    """By a known number of boxes, corners in shares, and scores that sum to 1."""
    outputs = evidence.outputs[0]
    if evidence.input_size is None or len(outputs) != 2 or any(tensor.ndim != 3 for tensor in outputs.values()):
        return None
    boxes = [name for name, tensor in outputs.items() if tensor.shape[2] == 4]
    if len(boxes) > 1:  # three classes and the background
        boxes = [name for name in boxes if "box" in name.lower()]
    if len(boxes) != 1:
        return None
    (scores,) = outputs.keys() - set(boxes)
    _, count, channels = outputs[scores].shape
    name = _family(count, channels, evidence.input_size)
    if name is None or outputs[boxes[0]].shape[1] != count or not _are_decoded(evidence, boxes[0], scores):
        return None
    if name == "UltraFace":
        return DecodedSsd(boxes[0], scores, 1, name, nms_iou=0.3, default_score=0.7)
    named = len(evidence.class_names) == channels
    return DecodedSsd(boxes[0], scores, channels - (not named), name, int(named))


def _family(count: int, channels: int, input_size: tuple[int, int]) -> str | None:
    faces = sum(boxes * cells(input_size, (stride,)) for stride, boxes in ULTRAFACE_BOXES.items())
    if (count, channels) == (faces, 2):
        return "UltraFace"
    layout = flat_layout(count, input_size, channels)
    return layout.name if layout is not None and channels > 1 else None


def _are_decoded(evidence: Evidence, boxes: str, scores: str) -> bool:
    corners, shares = np.concatenate(samples(evidence, boxes)), np.concatenate(samples(evidence, scores))
    return are_corners(corners) and are_shares(corners) and are_scores(shares) and are_distributions(shares)

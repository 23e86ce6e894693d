"""YOLOs that write boxes and scores into two outputs: YOLOv4 (pytorch-YOLOv4), YOLO-NAS, YOLOv6.

``boxes`` of shape (1, n, 1, 4) or (1, n, 4) and ``confs`` of shape (1, n, classes), the scores after the sigmoid and,
where there is one, multiplied with the objectness. pytorch-YOLOv4 writes x1, y1, x2, y2 as shares of the input
(tool/yolo_layer.py), YOLO-NAS x1, y1, x2, y2 in pixels, YOLOv6 cx, cy, w, h in pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.runtimes.predictor import Tensor
from core.tasks.base import Evidence
from core.tasks.heads.base import Candidates
from core.tasks.heads.boxes import are_shares, to_corners, to_pixels
from core.tasks.heads.output_checks import (
    are_centres,
    are_corners,
    are_scores,
    first_image,
    fits_grids,
    samples,
)


@dataclass(frozen=True)
class BoxesAndScores:
    """Boxes in one output, a score for each class in another."""

    boxes: str
    scores: str
    class_count: int
    name: str
    corners: bool = True
    """Whether boxes are x1, y1, x2, y2; else cx, cy, w, h."""

    shares: bool = False
    """Whether boxes are shares of the input, not pixels."""

    nms_iou: float | None = 0.6
    default_score: float = 0.4

    def decode(self, outputs: Mapping[str, Tensor], input_size: tuple[int, int], *, least: float) -> Candidates:
        """See :class:`~core.tasks.heads.base.Head`."""
        scores = first_image(outputs[self.scores])
        best = scores.max(axis=1)
        kept = np.flatnonzero(best >= least)
        boxes = first_image(outputs[self.boxes]).reshape(-1, 4)[kept]
        boxes = to_pixels(boxes, input_size) if self.shares else boxes
        return Candidates(
            boxes if self.corners else to_corners(boxes), best[kept], scores[kept].argmax(axis=1).astype(np.int64)
        )


def recognize(evidence: Evidence) -> BoxesAndScores | None:
    """By shapes; where the boxes have three axes only, their number must be that of the grids' cells too."""
    found = _outputs(evidence)
    if found is None or evidence.input_size is None:
        return None
    boxes_name, scores_name = found
    _, count, *between, _ = evidence.outputs[0][boxes_name].shape
    fits = any(fits_grids(count, evidence.input_size, per_cell=per_cell) for per_cell in (1, 3))
    boxes = np.concatenate([values.reshape(-1, 4) for values in samples(evidence, boxes_name)])
    if not (between or fits) or not are_scores(np.concatenate(samples(evidence, scores_name))):
        return None
    shares, corners = are_shares(boxes), are_corners(boxes)
    if not corners and not are_centres(boxes, (1, 1) if shares else evidence.input_size):
        return None
    name, nms_iou, score = _family(corners, shares)
    classes = evidence.outputs[0][scores_name].shape[2]
    return BoxesAndScores(boxes_name, scores_name, classes, name, corners, shares, nms_iou, score)


def _outputs(evidence: Evidence) -> tuple[str, str] | None:
    """The names of the boxes and of the scores; None where the shapes are others."""
    shapes = {name: tensor.shape for name, tensor in evidence.outputs[0].items()}
    boxes = [name for name, shape in shapes.items() if _holds_boxes(shape)]
    if len(boxes) == 2:  # four classes
        boxes = [name for name in boxes if "box" in name.lower() or len(shapes[name]) == 4]
    if len(shapes) != 2 or len(boxes) != 1:
        return None
    (scores,) = shapes.keys() - set(boxes)
    same = len(shapes[scores]) == 3 and shapes[scores][1] == shapes[boxes[0]][1]
    return (boxes[0], scores) if same else None


def _holds_boxes(shape: tuple[int, ...]) -> bool:
    return shape[-1:] == (4,) and (len(shape) == 3 or (len(shape) == 4 and shape[2] == 1))


def _family(corners: bool, shares: bool) -> tuple[str, float, float]:
    """Name, IoU of the suppression, and score, as its own code has them."""
    if corners:
        return ("YOLOv4", 0.6, 0.4) if shares else ("YOLO-NAS", 0.7, 0.25)
    return ("YOLOv6", 0.45, 0.4)

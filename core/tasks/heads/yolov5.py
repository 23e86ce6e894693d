"""YOLOs with an objectness: YOLOv3 (Ultralytics), YOLOv5, YOLOv7, YOLOv6 and YOLOX with decoded boxes.

One output of shape (1, boxes, 5 + classes), or 5 + classes + mask weights with a second output of prototypes: cx, cy,
w, h in pixels (as shares of the input in exports by way of TensorFlow), the objectness, and the classes' scores, all
after the sigmoid; the score of a class is the product of both. Further outputs with the raw grids are left aside.
YOLOv6 has an objectness of 1 throughout. Sources: ``Detect`` in models/yolo.py of YOLOv5 and of YOLOv7,
yolov6/models/effidehead.py, yolox/models/yolo_head.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.runtimes.predictor import Tensor
from core.tasks.base import Evidence
from core.tasks.heads.base import Candidates
from core.tasks.heads.boxes import are_shares, to_corners, to_pixels
from core.tasks.heads.output_checks import (
    are_centres,
    are_distributions,
    are_scores,
    first_image,
    fits_grids,
    follow_cells,
    samples,
)
from core.tasks.heads.ultralytics import NO_EXTRAS, Extras, prototype_output, stated_kind

_COCO = 80


@dataclass(frozen=True)
class YoloV5:
    """One row for each box, of its centre, its size, its objectness, and a score for each class."""

    output: str
    class_count: int
    name: str = "YOLOv5"
    extras: Extras = NO_EXTRAS
    shares: bool = False
    """Whether boxes are shares of the input, not pixels."""

    nms_iou: float | None = 0.45
    default_score: float = 0.25

    def decode(self, outputs: Mapping[str, Tensor], input_size: tuple[int, int], *, least: float) -> Candidates:
        """See :class:`~core.tasks.heads.base.Head`."""
        rows = first_image(outputs[self.output])
        rows = rows[rows[:, 4] >= least]  # no class can have a higher score than that
        scores = rows[:, 4:5] * rows[:, 5 : 5 + self.class_count]
        best = scores.max(axis=1)
        kept = np.flatnonzero(best >= least)
        boxes = to_pixels(rows[kept, :4], input_size) if self.shares else rows[kept, :4]
        return Candidates(
            to_corners(boxes),
            best[kept],
            scores[kept].argmax(axis=1).astype(np.int64),
            **self.extras.fields(rows[kept, 5 + self.class_count :], outputs),
        )


def recognize(evidence: Evidence) -> YoloV5 | None:
    """By the number of boxes, three for each cell of the grids; or one for each cell and a column of objectness."""
    name = _decoded_output(evidence)
    if evidence.input_size is None or name is None or stated_kind(evidence) is not None:
        return None
    rows = np.concatenate(samples(evidence, name))
    anchors = fits_grids(evidence.outputs[0][name].shape[1], evidence.input_size, per_cell=3)
    prototypes = prototype_output(evidence)
    weights = 0 if prototypes is None else evidence.outputs[0][prototypes].shape[1]
    classes = rows.shape[1] - 5 - weights
    shares = are_shares(rows[:, :4])
    size = (1, 1) if shares else evidence.input_size
    if (
        classes < 1
        or (shares and are_distributions(rows))
        or not are_scores(rows[:, 4 : 5 + classes])
        or not are_centres(rows[:, :4], size)
    ):
        return None
    if not anchors:
        centres = np.mean([values[:, :2] for values in samples(evidence, name)], axis=0)
        if not follow_cells(centres, evidence.input_size):
            return None
        return _without_anchors(evidence, name, rows, shares)
    extras = NO_EXTRAS if prototypes is None else Extras("masks", weights, prototypes=prototypes)
    return YoloV5(name, classes, _family(evidence) + extras.suffix, extras, shares)


def _decoded_output(evidence: Evidence) -> str | None:
    """The only output of rank 3, if the boxes are as many as the grids have; the others are raw grids or prototypes."""
    shapes = {name: tensor.shape for name, tensor in evidence.outputs[0].items()}
    decoded = [name for name, shape in shapes.items() if len(shape) == 3]
    others = [shape for shape in shapes.values() if len(shape) != 3]
    if len(decoded) != 1 or evidence.input_size is None or not all(len(shape) in (4, 5) for shape in others):
        return None
    count = shapes[decoded[0]][1]
    fits = any(fits_grids(count, evidence.input_size, per_cell=per_cell) for per_cell in (1, 3))
    return decoded[0] if fits else None


def _without_anchors(evidence: Evidence, name: str, rows: NDArray[np.float32], shares: bool) -> YoloV5 | None:
    """YOLOv6 and YOLOX; None for a YOLOv8 with swapped axes, which has no objectness.

    Where no class names tell, 85 values for each box are those of COCO with an objectness.
    """
    classes = rows.shape[1] - 5
    if bool((rows[:, 4] == 1).all()):
        return YoloV5(name, classes, "YOLOv6", shares=shares, default_score=0.4)
    if len(evidence.class_names) == classes or (not evidence.class_names and classes == _COCO):
        return YoloV5(name, classes, "YOLOX", shares=shares, default_score=0.3)
    return None


def _family(evidence: Evidence) -> str:
    """By the file's name, as these exports say nothing of it inside."""
    name = evidence.source.path.stem.lower().replace("-", "").replace("_", "")
    return next((f"YOLO{version}" for version in ("v3", "v4", "v7") if f"yolo{version}" in name), "YOLOv5")

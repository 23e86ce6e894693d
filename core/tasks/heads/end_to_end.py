"""One row for each object, with suppression or its like inside the model.

YOLOv10 and YOLO26 end to end, and YOLOs exported by Ultralytics with ``nms=True``: (1, most, 6 + extras) of x1, y1,
x2, y2, score, class, the best first; rotated boxes and Ultralytics' RT-DETR have cx, cy, w, h. PaddleDetection:
(objects, 6) of class, score, x1, y1, x2, y2. YOLOv6 and YOLOv7 with ``--end2end`` for onnxruntime: (objects, 7) of
image, x1, y1, x2, y2, class, score. Sources: ultralytics/nn/modules/head.py (``postprocess``) and engine/exporter.py
(``NMSModel``), PaddleDetection's deploy/README_en.md, YOLOv7's models/experimental.py (``ONNX_ORT``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.runtimes.predictor import Tensor
from core.tasks.base import Evidence
from core.tasks.heads.base import Candidates
from core.tasks.heads.boxes import are_shares, to_corners, to_pixels
from core.tasks.heads.output_checks import are_centres, are_corners, are_scores, are_whole, first_image
from core.tasks.heads.ultralytics import (
    NO_EXTRAS,
    Extras,
    family,
    has_rtdetr_decoder,
    is_other_task,
    point_size,
    prototype_output,
    stated_kind,
)

_MOST_OBJECTS = 1000


@dataclass(frozen=True)
class Columns:
    """Where the values of an object stand in its row."""

    box: int = 0
    score: int = 4
    label: int = 5
    end: int = 6
    """Where the extras begin."""

    image: int | None = None
    """Index of the image in the batch."""


_ULTRALYTICS = Columns()
_PADDLE = Columns(box=2, score=1, label=0)
_YOLOV7 = Columns(box=1, score=6, label=5, end=7, image=0)


@dataclass(frozen=True)
class EndToEnd:
    """One row for each object, with its score and its class."""

    output: str
    class_count: int
    name: str = "YOLOv10"
    columns: Columns = _ULTRALYTICS
    extras: Extras = NO_EXTRAS
    corners: bool = True
    """Whether boxes are x1, y1, x2, y2; else cx, cy, w, h."""

    shares: bool = False
    """Whether boxes and keypoints are shares of the input, not pixels."""

    nms_iou: float | None = None
    default_score: float = 0.25

    def decode(self, outputs: Mapping[str, Tensor], input_size: tuple[int, int], *, least: float) -> Candidates:
        """See :class:`~core.tasks.heads.base.Head`."""
        columns, rows = self.columns, _rows(outputs[self.output])
        kept = rows[:, columns.score] >= least
        if columns.image is not None:
            kept &= rows[:, columns.image] == 0
        rows = rows[kept]
        boxes, values = rows[:, columns.box : columns.box + 4], rows[:, columns.end :]
        if self.shares:
            boxes, values = to_pixels(boxes, input_size), self.extras.to_pixels(values, input_size)
        return Candidates(
            boxes if self.corners else to_corners(boxes),
            rows[:, columns.score],
            np.rint(rows[:, columns.label]).astype(np.int64),
            **self.extras.fields(values, outputs),
        )


def recognize(evidence: Evidence) -> EndToEnd | None:
    """By a column of whole numbers beside one of scores, and four that can be a box."""
    if evidence.input_size is None or is_other_task(evidence):
        return None
    tables = [name for name, tensor in evidence.outputs[0].items() if tensor.ndim in (2, 3) and tensor.shape[-1] >= 6]
    if len(tables) != 1:
        return None
    (name,) = tables
    rows = np.concatenate([_rows(outputs[name]) for outputs in evidence.outputs])
    if evidence.outputs[0][name].ndim == 2:
        return _of_flat_rows(evidence, name, rows)
    if not 1 < evidence.outputs[0][name].shape[1] <= _MOST_OBJECTS or not _fit(rows, _ULTRALYTICS):
        return None
    extras = _extras(evidence, rows.shape[1] - 6)
    return None if extras is None else _with_boxes(evidence, name, rows, extras)


def _rows(tensor: Tensor) -> NDArray[np.float32]:
    """Shape (objects, values), of the first image."""
    return first_image(tensor) if tensor.ndim == 3 else np.asarray(tensor, np.float32)


def _fit(rows: NDArray[np.float32], columns: Columns) -> bool:
    """Whether scores, classes and the image can be such; scores of nothing are -1 in PaddleDetection."""
    scores = rows[:, columns.score]
    images = np.zeros(1, np.float32) if columns.image is None else rows[:, columns.image]
    return are_scores(scores[scores != -1]) and are_whole(rows[:, columns.label]) and are_whole(images)


def _of_flat_rows(evidence: Evidence, name: str, rows: NDArray[np.float32]) -> EndToEnd | None:
    """Rows of all images of a batch."""
    # One row from every sample is a classifier's.
    if all(len(outputs[name]) == 1 for outputs in evidence.outputs) or not _other_outputs_count(evidence, name):
        return None
    choices = (("PaddleDetection", _PADDLE, 0.5), ("YOLO", _ULTRALYTICS, 0.25), ("YOLOv7", _YOLOV7, 0.25))
    for family_name, columns, score in choices:
        if rows.shape[1] != columns.end or not _fit(rows, columns):
            continue
        boxes = rows[:, columns.box : columns.box + 4]
        if are_corners(boxes):
            classes = _class_count(evidence, rows[:, columns.label])
            head = EndToEnd(name, classes, family_name, columns, shares=are_shares(boxes), default_score=score)
            return head if columns is not _ULTRALYTICS else replace(head, name=family(evidence, family_name))
    return None


def _other_outputs_count(evidence: Evidence, name: str) -> bool:
    """Whether the other outputs are no more than the number of objects."""
    return all(tensor.size == 1 for other, tensor in evidence.outputs[0].items() if other != name)


def _extras(evidence: Evidence, count: int) -> Extras | None:
    """What follows the first six values; None where that is not known."""
    kind = stated_kind(evidence)
    prototypes = prototype_output(evidence, count)
    if len(evidence.outputs[0]) > 1:
        return None if prototypes is None else Extras("masks", count, prototypes=prototypes)
    if count == 0:
        return NO_EXTRAS
    if count == 1 and kind in (None, "angle"):
        return Extras("angle", 1)
    size = point_size(evidence, count)
    return Extras("keypoints", count, size) if kind in (None, "keypoints") and count % size == 0 else None


def _with_boxes(evidence: Evidence, name: str, rows: NDArray[np.float32], extras: Extras) -> EndToEnd | None:
    """With the way in which boxes are written, by the metadata or by their values; None where they cannot be boxes."""
    boxes = rows[rows[:, 4] > 0, :4]
    shares = are_shares(boxes)
    centres = extras.kind == "angle" or has_rtdetr_decoder(evidence)
    if not centres and stated_kind(evidence) is None and not are_corners(boxes, 0.9):
        if not shares or not are_centres(boxes, (1, 1)):
            return None
        centres = True
    is_rtdetr = centres and extras.kind != "angle"
    family_name = "RT-DETR" if is_rtdetr else family(evidence, "YOLOv10") + extras.suffix
    classes = _class_count(evidence, rows[:, 5])
    return EndToEnd(name, classes, family_name, extras=extras, corners=not centres, shares=shares)


def _class_count(evidence: Evidence, labels: NDArray[np.float32]) -> int:
    """As many as have names, or as have been seen."""
    return max(len(evidence.class_names), int(labels.max()) + 1)

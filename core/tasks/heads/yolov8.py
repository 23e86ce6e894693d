"""YOLOv8, YOLOv9, YOLO11, YOLO12 and YOLO26 with the heads that need suppression: boxes, masks, keypoints, angles.

One output of shape (1, 4 + classes + extras, boxes), or with the last two axes swapped: cx, cy, w, h in pixels (as
shares of the input in exports by way of TensorFlow), the classes' scores after the sigmoid, then mask weights,
keypoints or the angle. Source: ``Detect``, ``Segment``, ``Pose`` and ``OBB`` in ultralytics/nn/modules/head.py.
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
    names_of_rank,
    samples,
)
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

_FEWEST_BOXES = 16
_LARGEST_ANGLE = 3 * np.pi / 4 + 0.01


@dataclass(frozen=True)
class YoloV8:
    """One column for each box, of its centre, its size, and a score for each class."""

    output: str
    class_count: int
    name: str = "YOLOv8"
    extras: Extras = NO_EXTRAS
    boxes_first: bool = False
    """Whether the axis of the boxes comes before that of their values."""

    shares: bool = False
    """Whether boxes and keypoints are shares of the input, not pixels."""

    nms_iou: float | None = 0.7
    default_score: float = 0.25

    def decode(self, outputs: Mapping[str, Tensor], input_size: tuple[int, int], *, least: float) -> Candidates:
        """See :class:`~core.tasks.heads.base.Head`."""
        columns = first_image(outputs[self.output])
        columns = columns.T if self.boxes_first else columns
        scores = columns[4 : 4 + self.class_count]
        kept = np.flatnonzero(scores.max(axis=0) >= least)
        boxes, scores, values = columns[:4, kept].T, scores[:, kept], columns[4 + self.class_count :, kept].T
        if self.shares:
            boxes, values = to_pixels(boxes, input_size), self.extras.to_pixels(values, input_size)
        return Candidates(
            to_corners(boxes),
            scores.max(axis=0),
            scores.argmax(axis=0).astype(np.int64),
            **self.extras.fields(values, outputs),
        )


def recognize(evidence: Evidence) -> YoloV8 | None:
    """By metadata and shape: as many boxes as the grids have cells; else by the ranges of boxes and scores too."""
    names = names_of_rank(evidence, 3)
    if evidence.input_size is None or len(names) != 1 or is_other_task(evidence) or has_rtdetr_decoder(evidence):
        return None
    boxes_first = _boxes_first(evidence, names[0], evidence.input_size)
    if boxes_first is None:
        return None
    all_columns = [values.T if boxes_first else values for values in samples(evidence, names[0])]
    columns = np.concatenate(all_columns, axis=1)
    found = _split(evidence, columns)
    if found is None or not _are_decoded(evidence, all_columns, evidence.input_size):
        return None
    classes, extras = found
    shares = are_shares(columns[:4])
    if shares and are_distributions(columns.T):
        return None
    if not _are_plausible(columns[: 4 + classes], shares, evidence):
        return None
    name = family(evidence, "YOLOv8") + extras.suffix
    return YoloV8(names[0], classes, name, extras, boxes_first, shares)


def _boxes_first(evidence: Evidence, name: str, input_size: tuple[int, int]) -> bool | None:
    """Which axis has the boxes: the one that fits the grids, else the longer one; None where neither can."""
    _, rows, columns = evidence.outputs[0][name].shape
    if min(rows, columns) < 5 or max(rows, columns) < _FEWEST_BOXES:
        return None
    fits = [fits_grids(count, input_size) for count in (rows, columns)]
    if fits[0] != fits[1]:
        return fits[0]
    # Without a grid that fits, only where the metadata speaks for Ultralytics.
    if not any(fits) and stated_kind(evidence) is None:
        return None
    return bool(rows > columns)


def _split(evidence: Evidence, columns: NDArray[np.float32]) -> tuple[int, Extras] | None:
    """Number of classes, and what follows their scores; None where the number of values leaves no class."""
    count = len(columns) - 4
    prototypes = prototype_output(evidence)
    kind = stated_kind(evidence)
    if prototypes is not None and kind in (None, "masks"):
        weights = evidence.outputs[0][prototypes].shape[1]
        return (count - weights, Extras("masks", weights, prototypes=prototypes)) if count > weights else None
    if len(evidence.outputs[0]) > 1:
        return None
    names = len(evidence.class_names)
    if kind == "boxes" or names == count:
        return count, NO_EXTRAS
    if kind == "angle" or (kind is None and _last_is_angle(columns, names)):
        return count - 1, Extras("angle", 1)
    classes = names if 0 < names < count else _leading_scores(columns[4:])
    if kind == "keypoints" or 0 < classes < count:
        return _with_keypoints(evidence, count, classes)
    return count, NO_EXTRAS


def _with_keypoints(evidence: Evidence, count: int, classes: int) -> tuple[int, Extras] | None:
    points = count - classes
    size = point_size(evidence, points)
    return (classes, Extras("keypoints", points, size)) if points > 0 and points % size == 0 else None


def _last_is_angle(columns: NDArray[np.float32], names: int) -> bool:
    """Without metadata: after as many scores as there are names, or where only the last values leave 0 to 1."""
    *_, angles = columns
    if np.abs(angles).max() > _LARGEST_ANGLE:
        return False
    return len(columns) == 5 + names or (are_scores(columns[4:-1]) and not are_scores(angles))


def _leading_scores(values: NDArray[np.float32]) -> int:
    """How many of the values after the box are scores, before the first coordinate of a keypoint."""
    return next((index for index, row in enumerate(values) if not are_scores(row)), len(values))


def _are_decoded(evidence: Evidence, all_columns: list[NDArray[np.float32]], input_size: tuple[int, int]) -> bool:
    """Whether boxes lie at their cells; YOLOX's raw outputs have the same shape and similar ranges."""
    return stated_kind(evidence) is not None or follow_cells(
        np.mean([each[:2] for each in all_columns], 0).T, input_size
    )


def _are_plausible(columns: NDArray[np.float32], shares: bool, evidence: Evidence) -> bool:
    """Whether scores and boxes have the ranges of such; boxes may have any size where the metadata is clear."""
    if len(columns) < 5 or not are_scores(columns[4:]):
        return False
    if stated_kind(evidence) is not None:
        return True
    height, width = (1, 1) if shares or evidence.input_size is None else evidence.input_size
    return are_centres(columns[:4].T, (height, width))

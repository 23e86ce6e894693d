"""What changed from the original's prediction to a file's: objects lost and new, points that moved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from core.metrics.box_iou import box_iou
from core.metrics.matching import match, same_class
from core.report.drawing.prediction_json import FoundObject, read_objects, read_points

SAME_IOU = 0.5
"""Least intersection over union of two boxes of one object, as in the agreement."""

MOVED_IOU = 0.75
"""Below it the box of an object counts as moved."""

MOVED_DISTANCE = 0.05
"""Distance from which a point counts as moved, as a share of the diagonal of all the original's points."""

Mark: TypeAlias = Literal["lost", "new", "moved", "renamed"]
"""In the original only; in the file only; at another place; of another class."""

_Pairs: TypeAlias = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class ObjectChanges:
    """The objects of two predictions by their indices; pairs are of the original and of the file."""

    kept: _Pairs
    moved: _Pairs
    renamed: _Pairs
    lost: tuple[int, ...]
    new: tuple[int, ...]

    @property
    def source_marks(self) -> Mapping[int, Mark]:
        """What to mark in the original's prediction."""
        return _marks(
            lost=self.lost, moved=(pair[0] for pair in self.moved), renamed=(pair[0] for pair in self.renamed)
        )

    @property
    def other_marks(self) -> Mapping[int, Mark]:
        """What to mark in the file's prediction."""
        return _marks(new=self.new, moved=(pair[1] for pair in self.moved), renamed=(pair[1] for pair in self.renamed))


@dataclass(frozen=True)
class PointChanges:
    """The points of two predictions of one body, face or hand."""

    moved: tuple[int, ...]
    mean: float
    """Mean distance in pixels of the picture."""

    largest: float

    @property
    def marks(self) -> Mapping[int, Mark]:
        """What to mark in the file's prediction."""
        return _marks(moved=self.moved)


def compare_objects(source: Mapping[str, Any], other: Mapping[str, Any], score: float) -> ObjectChanges:
    """Compare the objects of two predictions with at least a score; rotated boxes as if they were upright.

    Objects are matched greedily by IoU: those of the same class first, then those of different ones.

    Raises:
        ValueError: a prediction is damaged.
        TypeError: a prediction is damaged.
    """
    ours, theirs = read_objects(source, score), read_objects(other, score)
    (boxes, classes, scores), (other_boxes, other_classes, other_scores) = _arrays(ours), _arrays(theirs)
    overlap = box_iou(boxes, other_boxes)
    same = overlap * same_class(classes, other_classes)
    matched = match(same, scores, other_scores, threshold=SAME_IOU)
    left = overlap.copy()
    left[matched[:, 0]] = left[:, matched[:, 1]] = 0.0
    renamed = match(left, scores, other_scores, threshold=SAME_IOU)
    rows, columns = ({pair[side] for pair in (*matched, *renamed)} for side in (0, 1))
    pairs = {
        True: [(ours[i].index, theirs[j].index) for i, j in matched if overlap[i, j] < MOVED_IOU],
        False: [(ours[i].index, theirs[j].index) for i, j in matched if overlap[i, j] >= MOVED_IOU],
    }
    return ObjectChanges(
        kept=tuple(pairs[False]),
        moved=tuple(pairs[True]),
        renamed=tuple((ours[i].index, theirs[j].index) for i, j in renamed),
        lost=tuple(found.index for i, found in enumerate(ours) if i not in rows),
        new=tuple(found.index for j, found in enumerate(theirs) if j not in columns),
    )


def compare_points(source: Mapping[str, Any], other: Mapping[str, Any]) -> PointChanges:
    """Compare the points of two predictions, those that both have.

    Raises:
        ValueError: a prediction is damaged.
        TypeError: a prediction is damaged.
    """
    ours, theirs = (np.array([point[:2] for point in read_points(one)]).reshape(-1, 2) for one in (source, other))
    count = min(len(ours), len(theirs))
    if not count:
        return PointChanges((), 0.0, 0.0)
    distances = np.linalg.norm(ours[:count] - theirs[:count], axis=1)
    diagonal = float(np.linalg.norm(np.ptp(ours, axis=0)))
    moved = np.flatnonzero(distances > MOVED_DISTANCE * diagonal)
    return PointChanges(tuple(map(int, moved)), float(distances.mean()), float(distances.max()))


def _arrays(objects: Sequence[FoundObject]) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """Boxes, classes and scores."""
    return (
        np.array([found.box for found in objects], np.float64).reshape(-1, 4),
        np.array([found.class_index for found in objects], np.int64),
        np.array([found.score for found in objects], np.float64),
    )


def _marks(**indices: Iterable[int]) -> Mapping[int, Mark]:
    marks: dict[int, Mark] = {}
    for mark, found in indices.items():
        marks.update(dict.fromkeys(found, mark))  # type: ignore[arg-type]
    return marks

"""What changed from the original's prediction to a file's: objects lost and new, points that moved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

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
    overlap = _iou(ours, theirs)
    same = _same_class(ours, theirs)
    matched = _match(overlap * same, (), ())
    renamed = _match(overlap, [i for i, _ in matched], [j for _, j in matched])
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


def _match(overlap: NDArray[np.float64], rows: Iterable[int], columns: Iterable[int]) -> list[tuple[int, int]]:
    """Pairs of at least :data:`SAME_IOU`, best first; the given rows and columns are taken already."""
    left = overlap.copy()
    left[list(rows), :] = 0.0
    left[:, list(columns)] = 0.0
    pairs = []
    while left.size and left.max() >= SAME_IOU:
        row, column = np.unravel_index(left.argmax(), left.shape)
        pairs.append((int(row), int(column)))
        left[row, :] = left[:, column] = 0.0
    return pairs


def _iou(ours: Sequence[FoundObject], theirs: Sequence[FoundObject]) -> NDArray[np.float64]:
    """Intersection over union of all pairs of boxes."""
    first = np.array([found.box for found in ours], np.float64).reshape(-1, 1, 4)
    second = np.array([found.box for found in theirs], np.float64).reshape(1, -1, 4)
    sides = np.minimum(first[..., 2:], second[..., 2:]) - np.maximum(first[..., :2], second[..., :2])
    common = np.clip(sides, 0, None).prod(axis=-1)
    union = _area(first) + _area(second) - common
    iou: NDArray[np.float64] = np.divide(common, union, out=np.zeros_like(common), where=union > 0)
    return iou


def _area(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    area: NDArray[np.float64] = np.clip(boxes[..., 2:] - boxes[..., :2], 0, None).prod(axis=-1)
    return area


def _same_class(ours: Sequence[FoundObject], theirs: Sequence[FoundObject]) -> NDArray[np.bool_]:
    first = np.array([found.class_index for found in ours], np.int64).reshape(-1, 1)
    second = np.array([found.class_index for found in theirs], np.int64).reshape(1, -1)
    same: NDArray[np.bool_] = first == second
    return same


def _marks(**indices: Iterable[int]) -> Mapping[int, Mark]:
    marks: dict[int, Mark] = {}
    for mark, found in indices.items():
        marks.update(dict.fromkeys(found, mark))  # type: ignore[arg-type]
    return marks

"""What changed from the original's prediction to a file's: objects lost and new, points that moved."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from core.metrics.matching import match, same_class
from core.report.drawing.object_similarity import object_similarity
from core.report.drawing.prediction_json import FoundObject, read_objects, read_points

SAME_IOU = 0.5
"""Least similarity of two boxes, masks or poses of one object, as in the agreement."""

MOVED_IOU = 0.75
"""Below it an object counts as moved."""

MOVED_DISTANCE = 0.05
"""Distance from which a point counts as moved, as a share of the diagonal of all the original's points."""

Mark: TypeAlias = Literal["lost", "new", "moved", "renamed"]
"""In the original only; in the file only; at another place; of another class."""

_NO_PAIRS: NDArray[np.int64] = np.zeros((0, 2), np.int64)

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
    def matched(self) -> int:
        """Objects of the same class in the same place, or nearly so."""
        return len(self.kept) + len(self.moved)

    @property
    def count(self) -> int:
        """Objects in both predictions together."""
        return 2 * (self.matched + len(self.renamed)) + len(self.lost) + len(self.new)

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
    extent: float = 0.0
    """Diagonal of all the first prediction's points."""

    @property
    def marks(self) -> Mapping[int, Mark]:
        """What to mark in the file's prediction."""
        return _marks(moved=self.moved)


@dataclass(frozen=True, eq=False)
class Objects:
    """The objects of one prediction, whatever their scores."""

    found: tuple[FoundObject, ...]
    classes: NDArray[np.int64]
    scores: NDArray[np.float64]

    @classmethod
    def read(cls, prediction: Mapping[str, Any]) -> Objects:
        """Those of a stored prediction.

        Raises:
            ValueError: it is damaged.
            TypeError: it is damaged.
        """
        found = read_objects(prediction, 0.0)
        classes = np.array([one.class_index for one in found], np.int64)
        return cls(found, classes, np.array([one.score for one in found], np.float64))


class ObjectPair:
    """The objects of two predictions for one picture, with their similarity, which no threshold changes.

    Args:
        source: of one prediction.
        other: of the other one.

    Raises:
        ValueError: a prediction is damaged.
    """

    def __init__(self, source: Objects, other: Objects) -> None:
        self._source, self._other = source, other
        self._overlap = object_similarity(source.found, other.found)

    def has_any(self, classes: Collection[int]) -> bool:
        """Whether either prediction has an object of one of the classes, whatever its score."""
        return not self._classes.isdisjoint(classes)

    @cached_property
    def _classes(self) -> frozenset[int]:
        return frozenset([*self._source.classes.tolist(), *self._other.classes.tolist()])

    def changes(self, score: float, classes: Collection[int] | None = None) -> ObjectChanges:
        """Match the objects greedily by similarity: those of the same class first, then those of different ones.

        Args:
            score: least score of an object.
            classes: of the objects that count; None for all. Two of which one counts are both told.
        """
        source, other = self._source, self._other
        rows, columns = (np.flatnonzero(each.scores >= score) for each in (source, other))
        if not rows.size or not columns.size:
            lost, new = (_counted_of(*each, classes) for each in ((rows, source), (columns, other)))
            return ObjectChanges((), (), (), lost, new)
        overlap = self._overlap[rows][:, columns]
        scores, other_scores = source.scores[rows], other.scores[columns]
        same = overlap * same_class(source.classes[rows], other.classes[columns])
        matched = match(same, scores, other_scores, threshold=SAME_IOU)
        renamed = _NO_PAIRS
        if len(matched) < min(overlap.shape):
            left = overlap.copy()
            left[matched[:, 0]] = left[:, matched[:, 1]] = 0.0
            renamed = match(left, scores, other_scores, threshold=SAME_IOU)
        shares = overlap[matched[:, 0], matched[:, 1]]
        pairs = (matched[shares >= MOVED_IOU], matched[shares < MOVED_IOU], renamed)
        kept, moved, other_class = (self._counted(rows, columns, found, classes) for found in pairs)
        free_rows, free_columns = np.ones(rows.size, np.bool_), np.ones(columns.size, np.bool_)
        for found in (matched, renamed):
            free_rows[found[:, 0]] = free_columns[found[:, 1]] = False
        return ObjectChanges(
            kept,
            moved,
            other_class,
            lost=_counted_of(rows[free_rows], source, classes),
            new=_counted_of(columns[free_columns], other, classes),
        )

    def _counted(
        self,
        rows: NDArray[np.int64],
        columns: NDArray[np.int64],
        pairs: NDArray[np.int64],
        classes: Collection[int] | None,
    ) -> _Pairs:
        """Indices in the predictions of those pairs of which one is of the classes."""
        found = zip(rows[pairs[:, 0]].tolist(), columns[pairs[:, 1]].tolist(), strict=True)
        return tuple(
            (row, column)
            for row, column in found
            if classes is None or self._source.classes[row] in classes or self._other.classes[column] in classes
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
    return PointChanges(tuple(map(int, moved)), float(distances.mean()), float(distances.max()), diagonal)


def _counted_of(indices: NDArray[np.int64], objects: Objects, classes: Collection[int] | None) -> tuple[int, ...]:
    """Those of some objects that are of the classes."""
    return tuple(index for index in indices.tolist() if classes is None or objects.classes[index] in classes)


def _marks(**indices: Iterable[int]) -> Mapping[int, Mark]:
    marks: dict[int, Mark] = {}
    for mark, found in indices.items():
        marks.update(dict.fromkeys(found, mark))  # type: ignore[arg-type]
    return marks

"""What changed from the original's prediction to a file's: objects lost and new, points that moved."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
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


class ObjectPair:
    """The objects of two predictions for one picture, with their similarity, which no threshold changes.

    Args:
        source: one prediction.
        other: the other one.

    Raises:
        ValueError: a prediction is damaged.
        TypeError: a prediction is damaged.
    """

    def __init__(self, source: Mapping[str, Any], other: Mapping[str, Any]) -> None:
        self._ours, self._theirs = read_objects(source, 0.0), read_objects(other, 0.0)
        (self._classes, self._scores), (self._other_classes, self._other_scores) = map(
            _classes_and_scores, (self._ours, self._theirs)
        )
        self._overlap = object_similarity(self._ours, self._theirs)

    @property
    def classes(self) -> frozenset[int]:
        """Those that occur."""
        return frozenset(found.class_index for found in (*self._ours, *self._theirs))

    def changes(self, score: float, classes: Collection[int] | None = None) -> ObjectChanges:
        """Match the objects greedily by similarity: those of the same class first, then those of different ones.

        Args:
            score: least score of an object.
            classes: of the objects that count; None for all. Two of which one counts are both told.
        """
        rows, columns = (np.flatnonzero(scores >= score) for scores in (self._scores, self._other_scores))
        overlap = self._overlap[np.ix_(rows, columns)]
        scores, other_scores = self._scores[rows], self._other_scores[columns]
        same = overlap * same_class(self._classes[rows], self._other_classes[columns])
        matched = match(same, scores, other_scores, threshold=SAME_IOU)
        left = overlap.copy()
        left[matched[:, 0]] = left[:, matched[:, 1]] = 0.0
        renamed = match(left, scores, other_scores, threshold=SAME_IOU)
        shares = overlap[matched[:, 0], matched[:, 1]]
        pairs = (matched[shares >= MOVED_IOU], matched[shares < MOVED_IOU], renamed)
        kept, moved, other_class = (self._counted(rows, columns, found, classes) for found in pairs)
        taken = np.concatenate([matched, renamed])
        return ObjectChanges(
            kept,
            moved,
            other_class,
            lost=_left_over(rows, taken[:, 0], self._classes, classes),
            new=_left_over(columns, taken[:, 1], self._other_classes, classes),
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
            if classes is None or self._classes[row] in classes or self._other_classes[column] in classes
        )


def compare_objects(source: Mapping[str, Any], other: Mapping[str, Any], score: float) -> ObjectChanges:
    """Compare the objects of two predictions with at least a score, as :class:`ObjectPair` does.

    Raises:
        ValueError: a prediction is damaged.
        TypeError: a prediction is damaged.
    """
    return ObjectPair(source, other).changes(score)


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


def _left_over(
    indices: NDArray[np.int64], taken: NDArray[np.int64], classes: NDArray[np.int64], counted: Collection[int] | None
) -> tuple[int, ...]:
    """Indices of the objects that have no partner."""
    free = np.delete(indices, taken).tolist()
    return tuple(index for index in free if counted is None or classes[index] in counted)


def _classes_and_scores(objects: Sequence[FoundObject]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    return (
        np.array([found.class_index for found in objects], np.int64),
        np.array([found.score for found in objects], np.float64),
    )


def _marks(**indices: Iterable[int]) -> Mapping[int, Mark]:
    marks: dict[int, Mark] = {}
    for mark, found in indices.items():
        marks.update(dict.fromkeys(found, mark))  # type: ignore[arg-type]
    return marks

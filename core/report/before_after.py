"""Two files of a job, or one and the original, compared picture by picture from the predictions that were stored."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

import numpy as np

from core.common.text import Text, say
from core.report import changed_words
from core.report.drawing.changes import Mark, ObjectPair, Objects, compare_points
from core.report.drawing.class_map import is_background, read_map
from core.report.drawing.picture import Overlay, draw_overlay
from core.report.gallery_entries import ORIGINAL, Answer, GalleryEntry

DAMAGED = (ValueError, TypeError, KeyError, IndexError, AttributeError)
"""What reading a damaged prediction raises."""

ALMOST_SAME = 0.01
"""Up to this change a map or a picture, of which hardly two are equal in every pixel, counts as the same."""

Order: TypeAlias = Literal["change", "name", "least-change"]

_MOST_VIEWS = 32
_MOST_PAIRS = 24
"""Pairs of files whose comparison is kept."""


_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


@dataclass(frozen=True)
class View:
    """What of a gallery is looked at."""

    left: str
    """:data:`ORIGINAL` or a target."""

    right: str
    score: float = 0.0
    """Least score of an object or a point."""

    classes: frozenset[int] = frozenset()
    """Indices of :attr:`BeforeAfter.classes` to which everything is restricted; none: all."""


@dataclass(frozen=True)
class Change:
    """From the left prediction to the right one, for one picture."""

    amount: float
    """0 for none, 1 for all, by which pictures are sorted."""

    is_changed: bool
    """Whether it is another answer."""

    left_marks: Mapping[int, Mark] = field(default_factory=dict)
    right_marks: Mapping[int, Mark] = field(default_factory=dict)
    words: tuple[Text, ...] = ()
    is_there: bool = True
    """Whether one of the classes occurs in either prediction, where only some count."""


_WITHOUT_CLASSES = Change(0.0, is_changed=False, is_there=False)


class _Compared(Protocol):
    """Two predictions, with everything that is needed whatever threshold and classes are chosen."""

    def change(self, score: float, classes: Collection[int]) -> Change:
        """What changed."""


class BeforeAfter:
    """The pictures of a job with the predictions of all its files.

    Args:
        folder: where the pictures are.
        entries: what is known of each.
        class_names: by index, as the task has them.
    """

    def __init__(self, folder: Path, entries: Sequence[GalleryEntry], class_names: Sequence[str]) -> None:
        self.folder = folder
        self.entries = tuple(entries)
        self.class_names = tuple(class_names)
        self._pairs: dict[tuple[str, str], dict[int, _Compared]] = {}
        self._changes: dict[View, dict[int, Change]] = {}
        self._objects: dict[tuple[int, str], Objects] = {}
        self._mutex = threading.Lock()
        self._is_prepared = False

    @cached_property
    def kind(self) -> str:
        """Kind of the predictions; of different ones, the most frequent."""
        kinds = [str(entry.source.get("kind", "")) for entry in self.entries]
        return max(set(kinds), key=kinds.count) if kinds else ""

    @cached_property
    def classes(self) -> Mapping[int, str]:
        """The classes that occur, with their names, sorted by them; in maps, those that the original sees."""
        found: set[int] = set()
        for entry in self.entries:
            for prediction in (entry.source,) if self.kind == "map" else _all_of(entry):
                found |= _classes_in(prediction, self._labels)
        if self.kind == "map":  # the background is in every picture
            found = {index for index in found if not is_background(index, self.class_names)}
        named = {index: self.class_name(index) for index in found}
        return dict(sorted(named.items(), key=lambda pair: pair[1].casefold()))

    @cached_property
    def _labels(self) -> Mapping[str, int]:
        """Classification: an index for each label, since predictions hold names only."""
        known = dict.fromkeys(self.class_names)
        for entry in self.entries:
            for prediction in _all_of(entry):
                known.update(dict.fromkeys(_label_names(prediction)))
        return {name: index for index, name in enumerate(known)}

    def class_name(self, index: int) -> str:
        """Its own name, or its number."""
        if self.kind == "classes":
            return next((name for name, found in self._labels.items() if found == index), f"#{index}")
        return self.class_names[index] if 0 <= index < len(self.class_names) else f"#{index}"

    def prepare(self, files: Sequence[str], score: float) -> None:
        """Compare the original with every file in a thread beside the page, so that choosing one waits for nothing."""
        with self._mutex:
            if self._is_prepared:
                return
            self._is_prepared = True

        def compare_all() -> None:
            for file in files:
                self.order(View(ORIGINAL, file, score), "change")

        threading.Thread(target=compare_all, daemon=True, name="compare pictures").start()

    def change(self, index: int, view: View) -> Change:
        """What changed on one picture."""
        known = self._kept(self._changes, view, _MOST_VIEWS)
        if index not in known:
            known[index] = self._compared(index, view).change(view.score, view.classes)
        return known[index]

    def words(self, index: int, view: View) -> tuple[Text, ...]:
        """What changed on one picture, for people."""
        compared = self._compared(index, view)
        try:
            return compared.words() if isinstance(compared, _Maps) else self.change(index, view).words
        except DAMAGED:
            return ()

    def order(self, view: View, by: Order, *, only_changed: bool = False) -> tuple[tuple[int, Change], ...]:
        """The pictures to show, with what changed on them.

        Args:
            view: what is looked at; pictures without its classes are left out.
            by: largest change first, smallest first, or by the names of the files.
            only_changed: leave out those with the same answer.
        """
        found = []
        for index in range(len(self.entries)):
            change = self.change(index, view)
            if change.is_there and (change.is_changed or not only_changed):
                found.append((index, change))
        if by == "name":
            found.sort(key=lambda pair: (Path(self.entries[pair[0]].file).name, pair[0]))
        else:
            # Stable: what changed alike stays in the order of the gallery, by all files together.
            found.sort(key=lambda pair: pair[1].amount, reverse=by == "change")
        return tuple(found)

    def drawing(self, index: int, view: View, *, is_left: bool, text_scale: float = 1.0) -> str | None:
        """What one side predicts, drawn over nothing; None where nothing can be drawn over the picture.

        Args:
            index: of the entry.
            view: what is looked at.
            is_left: which side.
            text_scale: of letters and lines.
        """
        entry = self.entries[index]
        files = (view.left, view.right) if is_left else (view.right, view.left)
        mine, other = map(entry.answer, files)
        if mine is None or mine.prediction.get("kind") not in ("objects", "points", "map"):
            return None
        change = self.change(index, view)
        is_alike = other is not None and other.prediction.get("kind") == mine.prediction.get("kind")
        overlay = Overlay(
            self.class_names,
            view.score,
            change.left_marks if is_left else change.right_marks,
            view.classes or None,
            other.prediction if other is not None and is_alike else None,
            is_left,
            text_scale,
        )
        try:
            return draw_overlay(mine.prediction, entry.size or (1, 1), overlay)
        except DAMAGED:
            return None

    def _compared(self, index: int, view: View) -> _Compared:
        """Made when it is first looked at: of most pairs of files only a few pictures are."""
        made = self._kept(self._pairs, (view.left, view.right), _MOST_PAIRS)
        if index not in made:
            made[index] = self._compare(index, view.left, view.right)
        return made[index]

    def _kept(self, kept: dict[_Key, dict[int, _Value]], key: _Key, most: int) -> dict[int, _Value]:
        """What is kept for a key; the oldest is let go. Several threads draw at once."""
        with self._mutex:
            while key not in kept and len(kept) >= most:
                del kept[next(iter(kept))]
            return kept.setdefault(key, {})

    def _compare(self, index: int, left: str, right: str) -> _Compared:
        entry = self.entries[index]
        ours, theirs = entry.answer(left), entry.answer(right)
        if ours is None or theirs is None:
            return _Fixed(Change(0.0, is_changed=False, words=(say("not stored"),)))
        measured = _measured(ours, theirs, left, right)
        try:
            if ours.prediction.get("kind") == theirs.prediction.get("kind") == "objects":
                return _Objects(ObjectPair(self._found(index, left, ours), self._found(index, right, theirs)))
            return _by_kind(ours, theirs, measured, self._labels)
        except DAMAGED:
            return _Fixed(_as_measured(measured))

    def _found(self, index: int, file: str, answer: Answer) -> Objects:
        """The objects of a file's prediction, read once for all its comparisons."""
        key = (index, file)
        if key not in self._objects:
            self._objects[key] = Objects.read(answer.prediction)
        return self._objects[key]


@dataclass(frozen=True)
class _Objects:
    pair: ObjectPair

    def change(self, score: float, classes: Collection[int]) -> Change:
        if classes and not self.pair.has_any(classes):
            return _WITHOUT_CLASSES
        found = self.pair.changes(score, classes or None)
        count = max(1, found.count)
        amount = 1.0 - 2 * found.matched / count if found.count else 0.0
        return Change(
            amount + len(found.moved) / count / 100,
            bool(found.lost or found.new or found.renamed),
            found.source_marks,
            found.other_marks,
            tuple(changed_words.objects(found)),
            is_there=not classes or bool(found.count),
        )


@dataclass(frozen=True)
class _Fixed:
    """A comparison that no threshold changes."""

    found: Change
    classes: frozenset[int] = frozenset()

    def change(self, score: float, classes: Collection[int]) -> Change:  # noqa: ARG002
        return replace(self.found, is_there=not classes or not self.classes.isdisjoint(classes))


@dataclass(frozen=True)
class _Maps:
    """Maps are decoded only where they are looked at."""

    left: Answer
    right: Answer
    agreement: float | None
    """That was measured; None for two files neither of which is the original."""

    @cached_property
    def _same(self) -> float:
        try:
            ours, theirs = read_map(self.left.prediction), read_map(self.right.prediction)
        except DAMAGED:
            return 0.0
        return float(np.mean(ours == theirs)) if ours.shape == theirs.shape else 0.0

    def change(self, score: float, classes: Collection[int]) -> Change:  # noqa: ARG002
        amount = 1.0 - (self._same if self.agreement is None else self.agreement)
        is_there = not classes or any(
            not _classes_in(side.prediction, {}).isdisjoint(classes) for side in (self.left, self.right)
        )
        return Change(amount, amount > ALMOST_SAME, is_there=is_there)

    def words(self) -> tuple[Text, ...]:
        return changed_words.maps(self.left.prediction, self.right.prediction)


def _measured(ours: Answer, theirs: Answer, left: str, right: str) -> Answer | None:
    """The agreement with the original as it was measured, where one of the two is the original."""
    return theirs if left == ORIGINAL else ours if right == ORIGINAL else None


def _as_measured(measured: Answer | None, words: tuple[Text, ...] = ()) -> Change:
    if measured is None:
        return Change(0.0, is_changed=False, words=words)
    return Change(1.0 - measured.agreement, measured.changed, words=words or changed_words.alike(measured.agreement))


def _by_kind(ours: Answer, theirs: Answer, measured: Answer | None, labels: Mapping[str, int]) -> _Compared:
    left, right = ours.prediction, theirs.prediction
    kind = left.get("kind")
    if kind != right.get("kind"):
        return _Fixed(_as_measured(measured))
    match kind:
        case "points":
            points = compare_points(left, right)
            amount = points.mean / max(1.0, points.extent)
            return _Fixed(Change(amount, bool(points.moved), {}, points.marks, (changed_words.points(points),)))
        case "map":
            return _Maps(ours, theirs, None if measured is None else measured.agreement)
        case "classes" | "text":
            change = _answers(left, right)
            return _Fixed(change, _classes_in(left, labels) | _classes_in(right, labels))
        case _:
            return _Fixed(_as_measured(measured))


def _answers(left: Mapping[str, Any], right: Mapping[str, Any]) -> Change:
    """Classes or texts, which are the same or not; the amount sorts those that are the same by their scores."""
    drift = abs(float(left.get("score") or 0.0) - float(right.get("score") or 0.0)) / 100
    if left.get("kind") == "text":
        from rapidfuzz.distance import Levenshtein

        texts = str(left.get("text", "")), str(right.get("text", ""))
        distance = Levenshtein.normalized_distance(*texts)
        is_changed = texts[0] != texts[1]
    else:
        ours, theirs = _named(left), _named(right)
        is_changed = ours != theirs
        distance = 1.0 - len(ours & theirs) / max(1, len(ours | theirs)) if is_changed else 0.0
    words = changed_words.DIFFERENT if is_changed else changed_words.SAME
    return Change(distance + drift, is_changed, words=(words,))


def _all_of(entry: GalleryEntry) -> Iterator[Mapping[str, Any]]:
    """The predictions of the original and of all files."""
    yield entry.source
    for answer in entry.answers.values():
        yield answer.prediction


def _named(prediction: Mapping[str, Any]) -> frozenset[str]:
    """The answer of a classifier: all classes that are present, or the best one."""
    present = prediction.get("present")
    return frozenset(map(str, present)) if isinstance(present, list) else frozenset([str(prediction.get("label"))])


def _label_names(prediction: Mapping[str, Any]) -> frozenset[str]:
    return _named(prediction) if prediction.get("kind") == "classes" else frozenset()


def _classes_in(prediction: Mapping[str, Any], labels: Mapping[str, int]) -> frozenset[int]:
    """The classes that occur in a prediction, as indices; of a damaged one none."""
    try:
        match prediction.get("kind"):
            case "objects":
                return frozenset(int(one) for one in prediction.get("classes", ()))
            case "map":
                return frozenset(np.unique(read_map(prediction)).tolist())
            case _:
                return frozenset(labels[name] for name in _label_names(prediction) if name in labels)
    except DAMAGED:
        return frozenset()

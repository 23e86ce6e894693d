"""The pictures on which the files differ most from the original, with the predictions of both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from rapidfuzz.distance import Levenshtein

from core.common.errors import ImagesError
from core.common.number_format import percent, similarity
from core.common.text import Text, plural, say
from core.decoding import read_picture
from core.html_report.asked import file_name, jpeg, picture_address
from core.html_report.finished_job import FinishedJob
from core.html_report.parts import Tell
from core.job.target_id import TargetId
from core.report.before_after import DAMAGED, BeforeAfter, Change, View
from core.report.drawing.changes import Mark
from core.report.drawing.picture import draw
from core.report.drawing.prediction_json import read_objects
from core.report.gallery_entries import ORIGINAL, Answer, GalleryEntry
from core.report.recommendation import recommend
from core.report.schema import OutcomeEntry, Report
from core.targets import target_by_id

DRAWN = frozenset({"objects", "points", "map", "image"})
"""Kinds of predictions that are drawn over their pictures; others fit on a line."""

_MOST_OF_TAKEN, _MOST_OF_OTHERS, _MOST_IN_GRID, _MOST_UNCHANGED = 6, 2, 12, 2
"""Pictures of the recommended files, of each other file, of all together where predictions fit on a line; and where
nothing changed."""

_SIDE, _SIDE_IN_GRID, _SIDE_OF_LINES = 512, 320, 640
"""Longer side of a picture in pixels: drawn over, in the grid, and of a line of text."""

_SIGNS = say("Signs: = the original's answer, ≠ another answer.")
_OBJECT_SIGNS = say(
    "Signs: = the original's answer, ≠ another answer; in the pictures − only in the original, + only in the file, "
    "↔ moved, ≠ of another class."
)

_QUALITY = 75

_MOST_LETTERS = 200
"""Of a text that is compared letter by letter."""

MOST_BYTES = 3_500_000
"""Of all drawings together, about: then no further ones are made."""


@dataclass(frozen=True)
class Drawing:
    """A picture with a prediction drawn over it."""

    name: str
    svg: str


@dataclass(frozen=True)
class Pair:
    """One picture, as the original and as a file see it."""

    words: str
    """What changed."""

    file: str
    truth: str
    """The right answer; empty where it is not known or no text."""

    is_changed: bool
    left: Drawing
    right: Drawing


@dataclass(frozen=True)
class PairsOf:
    """Those of one file."""

    name: str
    about: str
    pairs: tuple[Pair, ...]


@dataclass(frozen=True)
class Piece:
    """Of a line."""

    words: str
    change: Literal["", "ins", "del"] = ""
    """The HTML element of what a file added to the original's text, or left out of it."""


@dataclass(frozen=True)
class Line:
    """A prediction that fits on a line."""

    name: str
    pieces: tuple[Piece, ...]
    is_changed: bool = False


@dataclass(frozen=True)
class LinesOf:
    """One picture with the predictions of all files."""

    picture: str
    """A ``data:`` address; empty where it cannot be read any more."""

    file: str
    truth: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class WorstPictures:
    """The section: pairs of drawings, or pictures with lines."""

    about: str
    pairs: tuple[PairsOf, ...] = ()
    grid: tuple[LinesOf, ...] = ()
    is_text: bool = False
    """Whether the pictures are lines of text, which are wide."""

    signs: str = ""
    """What the signs in the drawings mean."""


def worst_pictures(finished: FinishedJob, tell: Tell) -> WorstPictures | None:
    """The section; None for a job without pictures or files."""
    entries, taken = finished.entries, _taken(finished.report)
    results = _in_order(finished.report, taken)
    if not entries or not results:
        return None
    kinds = {entry.source.get("kind") for entry in entries}
    if kinds & DRAWN:
        pairs = tuple(_pairs(finished, results, taken, tell))
        about = say("For each file the test pictures on which it differs most from the original.")
        return WorstPictures(tell(about), pairs, signs=tell(_OBJECT_SIGNS if "objects" in kinds else _SIGNS))
    return _grid(finished, [result.target for result in finished.report.converted], is_text="text" in kinds, tell=tell)


def _taken(report: Report) -> list[TargetId | None]:
    """Whose files are recommended."""
    found = recommend(report)
    return [found.target, found.device_target]


def _in_order(report: Report, taken: Sequence[TargetId | None]) -> list[OutcomeEntry]:
    """The recommended files first."""
    return sorted(report.converted, key=lambda one: taken.index(one.target) if one.target in taken else len(taken))


def _pairs(
    finished: FinishedJob, results: Sequence[OutcomeEntry], taken: Sequence[TargetId | None], tell: Tell
) -> Iterator[PairsOf]:
    report = finished.report
    compared = BeforeAfter(finished.pictures, finished.entries, report.task.class_names)
    size = 0
    for result in results:
        is_taken = result.target in taken
        pairs: list[Pair] = []
        view = View(ORIGINAL, result.target, report.task.options.score or 0.0)
        changed = compared.order(view, "change", only_changed=True)
        for index, change in _chosen(compared, view, changed, is_taken=is_taken):
            entry = finished.entries[index]
            image = _open(finished.pictures, entry)
            if image is None or size > MOST_BYTES or result.target not in entry.answers:
                continue
            words = " · ".join(tell(one) for one in compared.words(index, view))
            pair = _pair(entry, result, image, change, words, report, tell)
            size += len(pair.left.svg) + len(pair.right.svg)
            pairs.append(pair)
        name, about = tell(target_by_id(result.target).title), _about(finished, len(changed), has_pairs=bool(pairs))
        yield PairsOf(name, tell(about), tuple(pairs))


def _about(finished: FinishedJob, count: int, *, has_pairs: bool) -> Text:
    if not count and has_pairs:
        return say("Its answers to all pictures are the original's; these came closest to a change.")
    if not count:
        return say("Its answers to all pictures are the original's.")
    return plural(
        "{number} of {all} pictures has another answer than the original's.",
        "{number} of {all} pictures have other answers than the original's.",
        count=count,
        number=_at_least(count, finished),
        all=_test_count(finished),
    )


def _test_count(finished: FinishedJob) -> int:
    """How many pictures were compared; of many, only those that changed most are stored."""
    return max(finished.report.images.test, len(finished.entries))


def _at_least(count: int, finished: FinishedJob) -> str:
    """A number of changed pictures, which may be larger where all that are stored have changed."""
    return f"≥ {count}" if count == len(finished.entries) < _test_count(finished) else str(count)


def _chosen(
    compared: BeforeAfter, view: View, changed: Sequence[tuple[int, Change]], *, is_taken: bool
) -> Sequence[tuple[int, Change]]:
    """Those that changed most; where none did, a few of the file that is recommended, with something in them."""
    if changed:
        return changed[: _MOST_OF_TAKEN if is_taken else _MOST_OF_OTHERS]
    if not is_taken:
        return ()
    every = compared.order(view, "change")
    return sorted(every, key=lambda pair: _is_empty(compared.entries[pair[0]], view.score))[:_MOST_UNCHANGED]


def _is_empty(entry: GalleryEntry, score: float) -> bool:
    """Whether the original finds no object in it."""
    try:
        return entry.source.get("kind") == "objects" and not read_objects(entry.source, score)
    except DAMAGED:
        return True


def _open(folder: Path, entry: GalleryEntry) -> Image.Image | None:
    try:
        return read_picture(entry.picture_in(folder))
    except (ImagesError, OSError):
        return None


def _pair(
    entry: GalleryEntry,
    result: OutcomeEntry,
    image: Image.Image,
    change: Change,
    words: str,
    report: Report,
    tell: Tell,
) -> Pair:
    names = (tell(say("Original")), tell(target_by_id(result.target).title))
    data = jpeg(image, _SIDE, _QUALITY)
    size = entry.size or (image.height, image.width)
    sides = (entry.source, change.left_marks), (entry.answers[result.target].prediction, change.right_marks)
    drawings = [
        Drawing(name, _drawn(prediction, data, size, report, marks, f"{name}: {file_name(entry.file)}"))
        for name, (prediction, marks) in zip(names, sides, strict=True)
    ]
    truth = _truth(entry, report.task.class_names, tell)
    return Pair(words, tell(file_name(entry.file)), truth, change.is_changed, *drawings)


def _drawn(
    prediction: Mapping[str, Any],
    picture: bytes,
    size: tuple[int, int],
    report: Report,
    marks: Mapping[int, Mark],
    title: str,
) -> str:
    """The picture alone, where the prediction is damaged."""
    names, score = report.task.class_names, report.task.options.score or 0.0
    try:
        return draw(prediction, picture, size, class_names=names, score=score, marks=marks, title=title)
    except DAMAGED:
        return draw({}, picture, size, title=title)


def _truth(entry: GalleryEntry, class_names: Sequence[str], tell: Tell) -> str:
    label = entry.right_answer(class_names)
    return "" if label is None else tell(say("Right answer: {label}", label=label))


def _grid(finished: FinishedJob, targets: Sequence[TargetId], *, is_text: bool, tell: Tell) -> WorstPictures:
    entries = finished.entries
    changed = [
        entry
        for entry in entries
        if any(entry.answers[target].changed for target in targets if target in entry.answers)
    ]
    if changed:
        about = say(
            "On {count} of {all} pictures at least one file gives another answer than the original. The most changed "
            "come first.",
            count=_at_least(len(changed), finished),
            all=_test_count(finished),
        )
    else:
        about = say("The answers of all files to all pictures are the original's. Some examples:")
    shown = changed[:_MOST_IN_GRID] or entries[:_MOST_UNCHANGED]
    side = _SIDE_OF_LINES if is_text else _SIDE_IN_GRID
    return WorstPictures(
        tell(about),
        signs=tell(_SIGNS),
        grid=tuple(_lines_of(entry, targets, finished, side, tell) for entry in shown),
        is_text=is_text,
    )


def _lines_of(
    entry: GalleryEntry, targets: Sequence[TargetId], finished: FinishedJob, side: int, tell: Tell
) -> LinesOf:
    image = _open(finished.pictures, entry)
    original = Line(tell(say("Original")), (Piece(tell(_words(entry.source))),))
    lines = (
        _line(tell(target_by_id(target).title), entry.answers[target], entry.source, tell)
        for target in targets
        if target in entry.answers
    )
    return LinesOf(
        "" if image is None else picture_address(image, side, _QUALITY),
        tell(file_name(entry.file)),
        _truth(entry, finished.report.task.class_names, tell),
        tuple(line for line in (original, *lines) if any(piece.words for piece in line.pieces)),
    )


def _line(name: str, answer: Answer, source: Mapping[str, Any], tell: Tell) -> Line:
    """One file's prediction; where class or text is the original's, which stands above, the score is enough."""
    if answer.changed and answer.prediction.get("kind") == "text" == source.get("kind"):
        return Line(name, tuple(_differences(source, answer.prediction, tell)), is_changed=True)
    words = _percent(answer.prediction) if _is_same(answer.prediction, source) else tell(_words(answer.prediction))
    if not words and answer.cosine is not None:
        words = tell(say("similarity {similarity}", similarity=similarity(answer.cosine)))
    return Line(name, (Piece(words),), answer.changed)


def _differences(source: Mapping[str, Any], prediction: Mapping[str, Any], tell: Tell) -> Iterator[Piece]:
    """A text, with what differs from the original's marked: letters may look alike."""
    ours, theirs = (str(one.get("text") or "")[:_MOST_LETTERS] for one in (source, prediction))
    for step in Levenshtein.opcodes(ours, theirs):
        lost, new = ours[step.src_start : step.src_end], theirs[step.dest_start : step.dest_end]
        if step.tag == "equal":
            yield Piece(tell(lost))
            continue
        if lost:
            yield Piece(_with_visible_spaces(lost, tell), "del")
        if new:
            yield Piece(_with_visible_spaces(new, tell), "ins")
    yield Piece(f" · {_percent(prediction)}")


def _with_visible_spaces(letters: str, tell: Tell) -> str:
    return tell(letters).replace(" ", "␣")


def _is_same(prediction: Mapping[str, Any], source: Mapping[str, Any]) -> bool:
    key = {"classes": "label", "text": "text"}.get(str(prediction.get("kind")))
    if key is None or "present" in prediction:
        return False
    return bool(prediction.get(key) == source.get(key))


def _words(prediction: Mapping[str, Any]) -> Text | str:
    match prediction.get("kind"):
        case "classes":
            present = prediction.get("present")
            if isinstance(present, list):
                return ", ".join(map(str, present)) or say("none")
            return f"{prediction.get('label')} · {_percent(prediction)}"
        case "text":
            return say("{text} · {score}", text=prediction.get("text") or say("no text"), score=_percent(prediction))
        case "scores":
            scores = prediction.get("scores")
            numbers = scores if isinstance(scores, list) else []
            return ", ".join(f"{score:.2f}" for score in numbers if isinstance(score, (int, float)))
        case _:
            return ""


def _percent(prediction: Mapping[str, Any]) -> str:
    score = prediction.get("score")
    return percent(float(score) if isinstance(score, (int, float)) else None)

"""One picture of a job with two predictions, as the viewer in the browser gets it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from core.common.text import Language, Text, say, visible
from core.report.before_after import DAMAGED, BeforeAfter, View
from core.report.drawing.class_map import legend
from core.report.gallery_entries import ORIGINAL, Answer
from core.targets import target_by_id

Address: TypeAlias = Callable[..., str]
"""Makes the address of a drawing: ``is_left``."""

_MOST_BARS = 5
_MOST_LETTERS = 400
_SPACE = "␣"
"""In the place of a space that would not be seen."""


def file_title(file: str) -> Text:
    """What people call a file, or the original."""
    return say("Original") if file == ORIGINAL else target_by_id(file).title


def frame(
    shown: BeforeAfter, index: int, view: View, *, files: Sequence[str], drawing: Address, language: Language
) -> dict[str, Any]:
    """What the viewer shows of one picture, as plain data; it writes all of it as text.

    Args:
        shown: the pictures.
        index: of the picture.
        view: what is compared.
        files: the original and all files, each of which is told in a line.
        drawing: address of the drawing of one side.
        language: of the reader.
    """
    entry = shown.entries[index]
    change = shown.change(index, view)
    height, width = entry.size or (0, 0)
    return {
        "name": visible(Path(entry.file).name),
        "truth": entry.right_answer(shown.class_names),
        "size": [width, height],
        "changed": change.is_changed,
        "words": [words.in_language(language) for words in shown.words(index, view)],
        "sides": [
            _side(shown, index, view, is_left=is_left, drawing=drawing, language=language) for is_left in (True, False)
        ],
        "files": [_line(shown, index, view, file, language) for file in files if file != view.left],
    }


def _side(
    shown: BeforeAfter, index: int, view: View, *, is_left: bool, drawing: Address, language: Language
) -> dict[str, Any]:
    file, other_file = (view.left, view.right) if is_left else (view.right, view.left)
    entry = shown.entries[index]
    answer, other = entry.answer(file), entry.answer(other_file)
    found: dict[str, Any] = {"title": file_title(file).in_language(language)}
    if answer is None:
        return {**found, "missing": True}
    prediction = answer.prediction
    try:
        match prediction.get("kind"):
            case "objects" | "points":
                found["drawing"] = drawing(is_left=is_left)
            case "map":
                found["drawing"] = drawing(is_left=is_left)
                found["legend"] = [[name, color] for name, color in legend(prediction, shown.class_names)]
            case "image":
                found["picture"] = f"data:image/jpeg;base64,{prediction.get('jpeg')}"
            case "classes":
                found["bars"] = _bars(prediction, {} if other is None else other.prediction)
            case "text":
                found["text"] = _text(prediction, {} if other is None else other.prediction, is_left=is_left)
                found["score"] = _score(prediction)
            case "scores":
                found["numbers"] = [float(one) for one in prediction.get("scores", ())][:16]
    except DAMAGED:
        found["damaged"] = True
    return found


def _bars(prediction: Mapping[str, Any], other: Mapping[str, Any]) -> list[list[Any]]:
    """Name, share, and whether it is an answer that the other one does not give."""
    answers, others = _answers(prediction), _answers(other)
    best = prediction.get("best")
    pairs = best if isinstance(best, list) else [[prediction.get("label"), prediction.get("score")]]
    bars = [[str(name), min(1.0, max(0.0, float(share or 0.0)))] for name, share in pairs[:_MOST_BARS]]
    return [[name, share, name in answers, name in answers and name not in others] for name, share in bars]


def _answers(prediction: Mapping[str, Any]) -> set[str]:
    present = prediction.get("present")
    return set(map(str, present)) if isinstance(present, list) else {str(prediction.get("label"))}


def _text(prediction: Mapping[str, Any], other: Mapping[str, Any], *, is_left: bool) -> list[list[Any]]:
    """The text in pieces, of which those are marked that the other one does not have."""
    from rapidfuzz.distance import Levenshtein

    mine, yours = (str(one.get("text", ""))[:_MOST_LETTERS] for one in (prediction, other))
    pieces: list[list[Any]] = []
    for step in Levenshtein.opcodes(mine, yours):
        piece = mine[step.src_start : step.src_end]
        if piece:
            mark = None if step.tag == "equal" else "lost" if is_left else "new"
            pieces.append([visible(piece if mark is None else piece.replace(" ", _SPACE)), mark])
    return pieces


def _score(prediction: Mapping[str, Any]) -> float | None:
    score = prediction.get("score")
    return float(score) if isinstance(score, (int, float)) else None


def _line(shown: BeforeAfter, index: int, view: View, file: str, language: Language) -> dict[str, Any]:
    """What a file answers, on a line: compared with the left one."""
    title = file_title(file).in_language(language)
    answer = shown.entries[index].answer(file)
    if answer is None:
        return {"file": file, "title": title, "words": "", "changed": False}
    against = View(view.left, file, view.score, view.classes)
    words = _said(answer, language) or " · ".join(one.in_language(language) for one in shown.words(index, against))
    return {"file": file, "title": title, "words": words, "changed": shown.change(index, against).is_changed}


def _said(answer: Answer, language: Language) -> str | None:
    """An answer that is a few words itself."""
    match answer.prediction.get("kind"):
        case "classes":
            names = ", ".join(sorted(_answers(answer.prediction)))[:120] or say("none").in_language(language)
            return f"{names}{_percent(answer)}"
        case "text":
            text = visible(str(answer.prediction.get("text", "")))[:120]
            before, after = len(text) - len(text.lstrip(" ")), len(text) - len(text.rstrip(" "))
            return f"{_SPACE * before}{text.strip(' ')}{_SPACE * after if text.strip(' ') else ''}{_percent(answer)}"
        case _:
            return None


def _percent(answer: Answer) -> str:
    score = _score(answer.prediction)
    return "" if score is None else f" · {100 * score:.0f}%"

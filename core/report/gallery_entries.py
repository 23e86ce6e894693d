"""The entries of ``gallery.json``: a picture with the predictions of the original and of every file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from core.common.serialization import from_data
from core.job.target_id import FileId, TargetId, file_id
from core.report.schema import OutcomeEntry

ORIGINAL = "original"
"""Stands for the original where a file can be named."""


@dataclass(frozen=True)
class Answer:
    """A file's prediction for one picture."""

    prediction: Mapping[str, Any]
    """As :meth:`core.tasks.base.Task.to_json` gives it."""

    agreement: float = 1.0
    """With the original's, 0 to 1."""

    cosine: float | None = None
    changed: bool = False


_MOST_DIGITS = 6
"""Of the index of a class."""


@dataclass(frozen=True)
class GalleryEntry:
    """One picture."""

    file: str
    picture: str
    """File name in the folder ``gallery``."""

    size: tuple[int, int] | None = None
    """Height and width of the image in whose pixels predictions are; None in jobs of earlier versions."""

    truth: str | None = None
    source: Mapping[str, Any] = field(default_factory=dict)
    answers: Mapping[str, Answer] = field(default_factory=dict)

    def answer(self, file: str) -> Answer | None:
        """The prediction of a file, or of the original, which agrees with itself; None where there is none."""
        return Answer(self.source) if file == ORIGINAL else self.answers.get(file)

    def right_answer(self, class_names: Sequence[str]) -> str | None:
        """The label; the name with the label behind it, where that is the index of a class."""
        label = self.truth
        if label is None or label in class_names:
            return label
        index = int(label) if label.isascii() and label.isdigit() and len(label) < _MOST_DIGITS else len(class_names)
        return f"{class_names[index]} ({label})" if index < len(class_names) else label

    def picture_in(self, folder: Path) -> Path:
        """Where the picture is. Only the name counts: the list may have been made by hand and point elsewhere."""
        return folder / (Path(self.picture).name or "none")


def files_in_use(results: Sequence[OutcomeEntry]) -> dict[TargetId, FileId]:
    """The file of each target that is in use."""
    return {result.target: file_id(result.target, result.variant) for result in results}


def read_entries(data: Sequence[Mapping[str, Any]], results: Sequence[OutcomeEntry]) -> tuple[GalleryEntry, ...]:
    """Read ``gallery.json`` of this version or an earlier one; damaged entries are left out.

    Args:
        data: the entries, with the predictions of every file that was made.
        results: the targets' results; of each, the predictions of the file that is in use are kept.
    """
    return entries_of(data, files_in_use(results))


def entries_of(data: Sequence[Mapping[str, Any]], files: Mapping[TargetId, FileId]) -> tuple[GalleryEntry, ...]:
    """As :func:`read_entries`, of other files than those in use.

    Args:
        data: the entries.
        files: of each target the file whose predictions are kept.
    """
    entries = []
    for entry in data:
        try:
            found = from_data(GalleryEntry, _upgraded(entry))
        except (ValueError, AttributeError):
            continue
        if not isinstance(found.source.get("kind", ""), str):
            continue
        answers = {target: found.answers[file] for target, file in files.items() if file in found.answers}
        entries.append(replace(found, answers=answers))
    return tuple(entries)


def _upgraded(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """Up to version 0.1 pictures were thumbnails, and predictions were classes or nothing, beside their figures."""
    if "thumbnail" not in entry:
        return entry
    answers = {target: _upgraded_answer(answer) for target, answer in entry.get("answers", {}).items()}
    source = _classes(entry.get("source", {}))
    return {**entry, "picture": entry["thumbnail"], "source": source, "answers": answers}


def _upgraded_answer(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    changed = bool(answer.get("changed"))
    figures = {"agreement": 0.0 if changed else 1.0, "cosine": answer.get("cosine"), "changed": changed}
    return {"prediction": _classes(answer), **figures}


def _classes(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"kind": "classes", "label": answer["label"], "score": answer.get("score")} if "label" in answer else {}

"""Labels from a table ``labels.csv``: the class of each picture, its classes, or the text in it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.common.text import say
from core.labels.base import Labels
from core.labels.folders import class_labels
from core.labels.pictures import Pictures
from core.labels.places import Places
from core.labels.problems import Problems
from core.labels.reading import MAX_TABLE_BYTES, damaged, read_text
from core.labels.text import text_labels

_NAME = "labels.csv"
_FILE_COLUMNS = ("file", "filename", "file_name", "image", "img", "picture", "path", "image_path", "img_path")
_LABEL_COLUMNS = ("label", "class", "class_name", "category", "tag")
_LISTS_OF_LABELS = ("labels", "classes", "categories", "tags")
"""Columns whose cells may hold several labels, with ``|`` between them."""

_TEXT_COLUMNS = ("text", "word", "words", "transcription")
_DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True)
class _Columns:
    """Places of the two columns that are read, and what the second one means."""

    file: int
    value: int
    has_text: bool
    has_lists: bool

    @property
    def places(self) -> tuple[int, int]:
        """Of both columns."""
        return self.file, self.value

    @classmethod
    def of(cls, header: Sequence[str]) -> _Columns | None:
        """By their headings, in whatever case and order; None where one of the two is missing."""
        places = {name.strip().casefold(): place for place, name in reversed(list(enumerate(header)))}
        file = next((places[name] for name in _FILE_COLUMNS if name in places), None)
        value = next((name for name in (*_LABEL_COLUMNS, *_LISTS_OF_LABELS, *_TEXT_COLUMNS) if name in places), None)
        if file is None or value is None:
            return None
        return cls(file, places[value], value in _TEXT_COLUMNS, value in _LISTS_OF_LABELS)


def find_labels_csv(places: Places, pictures: Pictures) -> Labels | None:
    """Read the table in the folder of pictures.

    The labels are whatever the person wrote: class names, indices, or the text in the picture. A picture in several
    rows has several labels.

    Raises:
        ImagesError: there is one, but it cannot be read.
    """
    path = places.files(places.base).get(_NAME)
    if path is None:
        return None
    columns, rows = _read(path)
    problems = Problems()
    found: dict[Path, dict[str, None]] = {}
    for line, name, value in rows:
        if name is None or value is None:
            problems.note("unreadable-entry", f"{path}, {line}")
            continue
        # Below the folder; only where that is none, by name.
        picture = pictures.folder / name
        match = picture if picture in pictures else pictures.find(name, problems, f"{path}, {line}")
        if match is None:
            continue
        if columns.has_text:
            found[match] = {value: None}
        else:
            values = [part.strip() for part in value.split("|")] if columns.has_lists else [value]
            found.setdefault(match, {}).update(dict.fromkeys(part for part in values if part))
    # In a column of lists an empty cell says that none of the classes is there.
    known = {picture: tuple(values) for picture, values in found.items() if values or columns.has_lists}
    return _labels(known, columns, pictures, problems)


def _labels(
    found: Mapping[Path, tuple[str, ...]], columns: _Columns, pictures: Pictures, problems: Problems
) -> Labels | None:
    if not any(found.values()):
        return None
    if columns.has_text:
        return text_labels({picture: value for picture, (value,) in found.items()}, pictures, _NAME, problems)
    return replace(class_labels(found, pictures, _NAME), noted=problems)


def _read(path: Path) -> tuple[_Columns, Iterator[tuple[int, str | None, str | None]]]:
    """The columns; and line, file and value of each row that is not empty, None where a cell is missing."""
    lines = read_text(path, MAX_TABLE_BYTES).split("\n")
    # Blank lines, and what Excel writes for itself.
    skipped = next((place for place, line in enumerate(lines) if not _is_preface(line)), 0)
    text = "\n".join(lines[skipped:])
    next_step = say("Write two columns with the headings file and label, saved as UTF-8, or remove the file.")
    try:
        rows, columns = _table(text)
    except (csv.Error, ValueError) as exc:
        raise damaged(path, line=skipped + 1, detail=repr(exc)[:500], next_step=next_step) from exc

    def values() -> Iterator[tuple[int, str | None, str | None]]:
        try:
            for row in rows:
                if any(cell.strip(" \t\x1a") for cell in row):
                    cells = [cell.strip() for cell in row]
                    name, value = (cells[place] if place < len(cells) else None for place in columns.places)
                    yield skipped + rows.line_num, name, value
        except csv.Error as exc:
            line = skipped + rows.line_num
            raise damaged(path, line=line, detail=repr(exc)[:500], next_step=next_step) from exc

    return columns, values()


def _is_preface(line: str) -> bool:
    return not line.strip() or line.startswith("sep=")


def _table(text: str) -> tuple[Any, _Columns]:
    """A reader behind the headings, by the separator with which both columns are found."""
    headings: list[str] = []
    for delimiter in _DELIMITERS:
        rows = csv.reader(io.StringIO(text), delimiter=delimiter)
        headings = next(rows, [])
        columns = _Columns.of(headings)
        if columns is not None:
            return rows, columns
    raise ValueError(f"columns {headings[:20]}"[:500])

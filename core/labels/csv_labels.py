"""Class labels from a table ``labels.csv`` with the columns file and label."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from core.common.text import say
from core.labels.base import Labels
from core.labels.folders import class_labels
from core.labels.pictures import Pictures
from core.labels.places import Places
from core.labels.problems import Problems
from core.labels.reading import MAX_TABLE_BYTES, damaged, read_text

_NAME = "labels.csv"


def find_labels_csv(places: Places, pictures: Pictures) -> Labels | None:
    """Read the table in the folder of pictures.

    The labels are whatever the person wrote: class names, indices, or the text in the picture.

    Raises:
        ImagesError: there is one, but it cannot be read.
    """
    path = places.files(places.base).get(_NAME)
    if path is None:
        return None
    problems = Problems()
    classes = {}
    for line, name, label in _rows(path):
        # Below the folder; only where that is none, by name.
        picture = pictures.folder / name
        found = picture if picture in pictures else pictures.find(name, problems, f"{path}, {line}")
        if found is not None:
            classes[found] = label
    return replace(class_labels(classes, pictures, _NAME), noted=problems) if classes else None


def _rows(path: Path) -> Iterator[tuple[int, str, str]]:
    """Line, file and label of each row."""
    rows = csv.DictReader(io.StringIO(read_text(path, MAX_TABLE_BYTES)))
    try:
        if rows.fieldnames and not {"file", "label"} <= set(rows.fieldnames):
            raise KeyError(f"columns {list(rows.fieldnames)[:20]}")
        for row in rows:
            yield rows.line_num, row["file"].strip(), row["label"].strip()
    except (KeyError, AttributeError, csv.Error) as exc:
        line = rows.line_num + isinstance(exc, csv.Error)  # raised before the line is counted
        next_step = say("Write two columns with the headings file and label, saved as UTF-8, or remove the file.")
        raise damaged(path, line=max(1, line), detail=repr(exc)[:500], next_step=next_step) from exc

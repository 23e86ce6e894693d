"""The text in pictures: JSON, a list of lines, or a text file for each picture; and classes in the same form."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.common.errors import ImagesError
from core.common.text import say
from core.labels.base import Labels, describe
from core.labels.folders import class_labels
from core.labels.pictures import Pictures
from core.labels.places import Places
from core.labels.problems import Problems
from core.labels.reading import MAX_SMALL_BYTES, MAX_TABLE_BYTES, read_text
from core.tasks.predictions import TextTruth

_LIST_FILE = re.compile(r"(?i).*(gt|label|annotation|words?|train|val|test).*\.txt")
_ENTRY = re.compile(r"(?i)(.+?\.(?:jpe?g|png|bmp|webp|tiff?|gif))(\t|,\s*|\s+)(.+)")
_QUOTED = re.compile(r'"(.*)"\s*')  # ICDAR: img_1.jpg, "text"
_FILE_KEYS = ("img_path", "file_name", "filename", "file", "image")
_TEXT_KEYS = ("text", "label")
_PEEKED = 50
_LONGEST_LINE = 10_000

Pair = tuple[str, str]
"""Name of a picture, and what is written in it."""


def find_text_in_json(documents: Iterable[tuple[Path, Any]], pictures: Pictures) -> Labels | None:
    """The text from a JSON file: ``{file: text}``, a list of such pairs by name, or MMOCR's ``data_list``.

    Of several, the one with most of the pictures.

    Args:
        documents: JSON files with their content; those of other formats are passed over.
        pictures: all pictures.
    """
    found = [_labels(path, pairs, bad, pictures) for path, document in documents for pairs, bad in _pairs(document)]
    return max((labels for labels in found if labels), key=lambda labels: labels.count, default=None)


def find_text_list(places: Places, pictures: Pictures) -> Labels | None:
    """The text from a list with a line for each picture: ICDAR's ``gt.txt``, PaddleOCR's ``rec_gt.txt``.

    A list of class numbers, as ImageNet's ``val.txt``, gives classes.

    Raises:
        ImagesError: the list cannot be read as text.
    """
    found = []
    stems = {path.stem for path in pictures.files}
    for directory in places.upwards[:2]:
        for name, path in places.files(directory).items():
            if _LIST_FILE.fullmatch(name) and path.stem not in stems and (labels := _from_list(path, pictures)):
                found.append(labels)
    return max(found, key=lambda labels: labels.count, default=None)


def find_text_files(places: Places, pictures: Pictures) -> Labels | None:
    """The text from a file beside each picture: ``name.txt`` with one line for ``name.jpg``."""
    files = {}
    for picture in pictures.files:
        path = places.files(places.directory(picture)).get(f"{picture.stem}.txt")
        if path is not None:
            files[picture] = path
    chosen = list(files.values())[:: max(1, len(files) // _PEEKED)][:_PEEKED]
    if 2 * sum(_line(path) is not None for path in chosen) <= len(chosen):
        return None
    problems = Problems()
    problems.note("no-label", places.base, len(pictures.files) - len(files))

    def read(picture: Path) -> TextTruth | None:
        line = _line(files[picture])
        if line is None:
            problems.note("unreadable-file", picture)
        return None if line is None else TextTruth(line)

    return Labels(
        "text",
        describe(say("text"), len(files), len(pictures.files), "*.txt"),
        frozenset(files),
        read,
        noted=problems,
    )


def _pairs(document: Any) -> Iterable[tuple[Sequence[Pair], int]]:
    """The pairs of a document, and how many of its entries are none."""
    if isinstance(document, dict) and isinstance(document.get("data_list"), list):
        document = document["data_list"]
    if isinstance(document, dict):
        pairs = [(name, str(text)) for name, text in document.items() if _is_text(text)]
        yield pairs, len(document) - len(pairs)
    elif isinstance(document, list):
        entries = [pair for entry in document if (pair := _pair_of(entry)) is not None]
        yield entries, len(document) - len(entries)


def _pair_of(entry: Any) -> Pair | None:
    if not isinstance(entry, dict):
        return None
    name = next((entry[key] for key in _FILE_KEYS if key in entry), None)
    instances = entry.get("instances")
    if isinstance(instances, list):
        entry = instances[0] if len(instances) == 1 and isinstance(instances[0], dict) else {}
    text = next((entry[key] for key in _TEXT_KEYS if key in entry), None)
    return (name, str(text)) if isinstance(name, str) and _is_text(text) else None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) or type(value) is int


def _from_list(path: Path, pictures: Pictures) -> Labels | None:
    lines = [line for line in read_text(path, MAX_TABLE_BYTES).split("\n") if line.strip()]
    peeked = [pair for line in lines[:_PEEKED] if (pair := _split(line)) is not None]
    if not any(pictures.find(name, Problems(), "") for name, _ in peeked):
        return None
    pairs = [pair for line in lines if (pair := _split(line)) is not None]
    return _labels(path, pairs, len(lines) - len(pairs), pictures)


def _split(line: str) -> Pair | None:
    """Name and text, by a tab, a comma or a space behind the name; None where there is no name or no text."""
    match = _ENTRY.fullmatch(line) if len(line) <= _LONGEST_LINE else None
    if match is None or match[3].startswith("[{"):  # boxes in PaddleOCR's format for text detection
        return None
    text = match[3] if match[2] == "\t" else match[3].strip()
    quoted = _QUOTED.fullmatch(text) if match[2].startswith(",") else None
    return match[1].strip(), text if quoted is None else quoted[1].replace('\\"', '"').replace("\\\\", "\\")


def _labels(path: Path, pairs: Sequence[Pair], bad: int, pictures: Pictures) -> Labels | None:
    problems = Problems()
    texts: dict[Path, str] = {}
    for name, text in pairs:
        picture = pictures.find(name, problems, path)
        if picture is not None:
            texts[picture] = text
    if not texts:
        return None
    problems.note("unreadable-entry", path, bad)
    problems.note("no-label", pictures.folder, len(pictures.files) - len(texts))
    if _are_classes(texts):
        classes = {picture: (text.strip(),) for picture, text in texts.items()}
        return replace(class_labels(classes, pictures, path.name), noted=problems)
    return text_labels(texts, pictures, path.name, problems)


def text_labels(texts: Mapping[Path, str], pictures: Pictures, origin: str, problems: Problems) -> Labels:
    """Labels that are the text in each picture.

    Args:
        texts: picture -> its text.
        pictures: all pictures.
        origin: name of the label file.
        problems: what was noted while it was read.
    """
    return Labels(
        "text",
        describe(say("text"), len(texts), len(pictures.files), origin),
        frozenset(texts),
        lambda picture: TextTruth(texts[picture]),
        noted=problems,
    )


def _are_classes(texts: Mapping[Path, str]) -> bool:
    """Whether the texts are classes of whole pictures: each occurs twice or more on average."""
    return len(texts) >= 4 and 2 * len(set(texts.values())) <= len(texts)


def _line(path: Path) -> str | None:
    """The one line of a text file; None where it has none, or more, or is no text."""
    try:
        lines = read_text(path, MAX_SMALL_BYTES).strip("\n").split("\n")
    except ImagesError:
        return None
    return lines[0] if len(lines) == 1 and lines[0].strip() else None

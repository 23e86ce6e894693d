"""Labels of objects in YOLO's text files: one for each picture, a line for each object, numbers from 0 to 1.

A line is the class and then: centre x, centre y, width, height of a box; these and keypoints; the corners of a polygon;
or, which reads the same, the four corners of a rotated box. Reference: the dataset formats in ultralytics'
documentation. Ultralytics labels pictures as they are seen, turned by their EXIF orientation, and so are these read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common.errors import ImagesError
from core.common.text import Text, say
from core.labels.base import Labels, describe, place_and_classes
from core.labels.class_names import names_near, names_of
from core.labels.objects import Box, Objects, clean_keypoints
from core.labels.outlines import polygons_to_mask
from core.labels.picture_size import PictureSize, picture_size
from core.labels.pictures import Pictures
from core.labels.places import Places
from core.labels.problems import Problems
from core.labels.reading import MAX_SMALL_BYTES, damaged, read_text, read_yaml
from core.tasks.predictions import ObjectTruth

_FOLDERS = ("labels", "labels_yolo", "yolo", "txt")
_PEEKED = 20  # label files that are read to know what they hold
_LARGEST = 2.0  # numbers are shares of the picture, and rounding or a careless hand goes beyond 1; pixels go further

Row = tuple[int, list[float]]
"""Class and numbers."""


def find_yolo(places: Places, pictures: Pictures) -> Labels | None:
    """Labels beside the pictures, or in ``labels`` parallel to ``images``.

    Names come from a YAML file with ``names`` in the folder or at most two above it, or from ``classes.txt`` and the
    like.

    Raises:
        ImagesError: there are text files for the pictures in a folder for labels, but none is of this format.
    """
    texts = {picture: path for picture in pictures.files if (path := _text_file(picture, places)) is not None}
    if not texts:
        return None
    peeked = _peek(texts, places)
    if peeked is None:
        return None
    data = _data_file(places)
    names = data.names or names_near(places, texts.values())
    keypoints = data.keypoints or _guessed_keypoints(peeked)
    problems = Problems()
    problems.note("no-label", places.base, len(pictures.files) - len(texts))
    reader = _YoloReader(texts, names, keypoints, problems)
    parts = place_and_classes(data.name or places.said(next(iter(texts.values())).parent), names)
    return Labels(
        "objects",
        describe(_what(peeked, keypoints), len(texts), len(pictures.files), "YOLO", *parts),
        frozenset(texts),
        reader.truth,
        class_names=names,
        has_keypoints=keypoints is not None,
        noted=problems,
    )


@dataclass(frozen=True)
class _DataFile:
    """What the YAML file of a data set says."""

    name: str = ""
    names: tuple[str, ...] = ()
    keypoints: tuple[int, int] | None = None
    """Number of keypoints, and 2 or 3 numbers for each."""


@dataclass(frozen=True, eq=False)
class _YoloReader:
    texts: Mapping[Path, Path]
    names: tuple[str, ...]
    keypoints: tuple[int, int] | None
    problems: Problems

    def truth(self, picture: Path) -> ObjectTruth | None:
        """The objects of a picture; none for an empty file.

        Raises:
            ImagesError: its text file cannot be read as text.
        """
        size = picture_size(picture)
        if size is None:
            self.problems.note("unreadable-file", picture)
            return None
        objects = Objects(picture, size)
        for row in self._rows(self.texts[picture]):
            self._add(row, objects)
        return objects.truth(self.problems)

    def _rows(self, path: Path) -> Iterator[Row]:
        seen = set()
        for number, line in enumerate(read_text(path, MAX_SMALL_BYTES).split("\n"), start=1):
            row = _row(line)
            if row is None:
                if line.strip():
                    self.problems.note("unreadable-entry", f"{path}, line {number}")
            elif (row[0], *row[1]) in seen:
                self.problems.note("duplicate", f"{path}, line {number}")
            else:
                seen.add((row[0], *row[1]))
                yield row

    def _add(self, row: Row, objects: Objects) -> None:
        index, numbers = row
        if self.names and index >= len(self.names):
            objects.note("unknown-class")
            return
        label = self.names[index] if self.names else str(index)
        scale = np.asarray((objects.size.width, objects.size.height), np.float64)
        if _is_polygon(numbers, self.keypoints):
            points = np.asarray(numbers, np.float64).reshape(-1, 2) * scale
            mask = polygons_to_mask([points], objects.size)
            (x1, y1), (x2, y2) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
            objects.add((x1, y1, x2, y2), label, mask=mask)
        else:
            objects.add(_box(numbers, objects.size), label, keypoints=_points(numbers[4:], self.keypoints, scale))


def _box(numbers: Sequence[float], size: PictureSize) -> Box:
    x, y, width, height = numbers[:4]
    return (
        (x - width / 2) * size.width,
        (y - height / 2) * size.height,
        (x + width / 2) * size.width,
        (y + height / 2) * size.height,
    )


def _points(
    numbers: Sequence[float], shape: tuple[int, int] | None, scale: NDArray[np.float64]
) -> NDArray[np.float32] | None:
    """Keypoints in pixels; without visibilities, those at the origin are not labelled, as ultralytics reads them."""
    if shape is None or len(numbers) != shape[0] * shape[1]:
        return None
    table = np.asarray(numbers, np.float64).reshape(shape)
    seen = table[:, 2:] if shape[1] == 3 else np.where((table > 0).all(axis=1, keepdims=True), 2.0, 0.0)
    return clean_keypoints(np.hstack([table[:, :2] * scale, seen]))


def _is_polygon(numbers: Sequence[float], keypoints: tuple[int, int] | None) -> bool:
    is_pose = keypoints is not None and len(numbers) == 4 + keypoints[0] * keypoints[1]
    return not is_pose and len(numbers) >= 6 and len(numbers) % 2 == 0


def _row(line: str) -> Row | None:
    """Class and numbers of a line; None where it is empty or of no known form."""
    parts = line.split()
    if len(parts) < 5:
        return None
    try:
        index, *numbers = map(float, parts)
    except ValueError:
        return None
    if not all(abs(number) <= _LARGEST for number in numbers) or not 0 <= index < 1e6 or index != int(index):
        return None
    return int(index), numbers[:4] if len(numbers) == 5 else numbers  # the fifth is the score of a prediction


def _text_file(picture: Path, places: Places) -> Path | None:
    """The text file of a picture: in a folder for labels, else beside it."""
    name = f"{picture.stem}.txt"
    for files in (*places.beside(picture, _FOLDERS), places.files(places.directory(picture))):
        if name in files:
            return files[name]
    return None


def _peek(texts: Mapping[Path, Path], places: Places) -> list[Row] | None:
    """Rows of some of the files; None where they are files of another kind.

    Raises:
        ImagesError: most files in a folder for labels hold numbers, but none that fit.
    """
    chosen = list(texts.items())[:: max(1, len(texts) // _PEEKED)][:_PEEKED]
    peeked = {path: _peek_file(path) for _, path in chosen}
    rows = [row for found, _ in peeked.values() for row in found]
    bad = [path for path, (found, first_bad) in peeked.items() if first_bad is not None and not found]
    is_apart = all(path.parent != places.directory(picture) for picture, path in chosen)
    if 2 * len(bad) <= len(peeked) and (rows or is_apart):
        return rows
    if bad and is_apart and _has_numbers(bad[0]):
        expected = "class, centre x, centre y, width, height from 0 to 1 expected"
        raise damaged(bad[0], line=peeked[bad[0]][1], detail=expected)
    return None


def _peek_file(path: Path) -> tuple[list[Row], int | None]:
    """The rows of a file, and its first line that is none."""
    try:
        lines = read_text(path, MAX_SMALL_BYTES).split("\n")
    except ImagesError:
        return [], 1
    rows = [_row(line) for line in lines]
    bad = (
        number for number, (row, line) in enumerate(zip(rows, lines, strict=True), 1) if row is None and line.strip()
    )
    return [row for row in rows if row is not None], next(bad, None)


def _has_numbers(path: Path) -> bool:
    """Whether most words of a file are numbers."""
    try:
        words = read_text(path, MAX_SMALL_BYTES).split()
    except ImagesError:
        return True
    return 2 * sum(_is_number(word) for word in words) > len(words)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _guessed_keypoints(rows: Sequence[Row]) -> tuple[int, int] | None:
    """Keypoints of x, y and visibility, where every row has as many numbers and every third is 0, 1 or 2."""
    lengths = {len(numbers) for _, numbers in rows}
    count = (max(lengths, default=0) - 4) // 3
    # Two points would read the same as some polygons; an odd number of numbers is no polygon.
    if lengths != {4 + 3 * count} or count < 1 or count == 2:
        return None
    seen = {value for _, numbers in rows for value in numbers[6::3]}
    return (count, 3) if seen <= {0.0, 1.0, 2.0} else None


def _what(rows: Sequence[Row], keypoints: tuple[int, int] | None) -> Text:
    if keypoints is not None:
        return say("boxes and keypoints")
    return say("boxes and outlines") if any(_is_polygon(numbers, None) for _, numbers in rows) else say("boxes")


def _data_file(places: Places) -> _DataFile:
    """The nearest YAML file with names of classes, in the folder or above it."""
    for directory in places.upwards:
        for path in places.files(directory).values():
            if path.suffix.lower() not in (".yaml", ".yml"):
                continue
            data = _read_data_file(path, needs_more=directory != places.base)
            if data is not None:
                return data
    return _DataFile()


def _read_data_file(path: Path, *, needs_more: bool) -> _DataFile | None:
    """None where it is no description of a data set; above the folder it must say more than names."""
    try:
        document = read_yaml(path)
    except ImagesError:
        return None
    if not isinstance(document, dict) or (needs_more and not {"train", "val", "test", "nc", "path"} & set(document)):
        return None
    names = names_of(document.get("names"))
    return _DataFile(path.name, names, _keypoint_shape(document.get("kpt_shape"))) if names else None


def _keypoint_shape(value: Any) -> tuple[int, int] | None:
    try:
        points, numbers = (int(part) for part in value)
    except (TypeError, ValueError):
        return None
    return (points, numbers) if 0 < points < 10_000 and numbers in (2, 3) else None

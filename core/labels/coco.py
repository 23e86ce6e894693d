"""Labels of objects in COCO's JSON: boxes, outlines as polygons or run lengths, keypoints, groups (``iscrowd``)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common.text import Text, say
from core.labels.base import Labels, class_count, describe
from core.labels.objects import Box, Objects, clean_keypoints
from core.labels.outlines import mask_box, polygons, polygons_to_mask, runs_to_mask
from core.labels.picture_size import CoordinateMap, picture_size
from core.labels.pictures import Pictures, splits, words_of
from core.labels.problems import Problems
from core.tasks.predictions import Mask, ObjectTruth

Entry = Mapping[str, Any]


def find_coco(
    documents: Iterable[tuple[Path, Any]], pictures: Pictures, *, prefer_keypoints: bool = False
) -> Labels | None:
    """The labels of the file that fits the pictures best.

    Of several, the one that names most of the pictures, then the one called after the same part of the data set (val),
    then the one with keypoints if these are preferred, then the one with most objects, then the first by name.

    Args:
        documents: JSON files with their content; those of other formats are passed over.
        pictures: all pictures.
        prefer_keypoints: whether keypoints are wanted.
    """
    files = [_read(path, document, pictures) for path, document in documents if _is_coco(document)]
    fitting = [file for file in files if file.images]
    if not fitting:
        return None

    def rank(file: _CocoFile) -> tuple[int, int, bool, int]:
        is_same_split = bool(pictures.split & splits(words_of(file.path)))
        return len(file.images), is_same_split, prefer_keypoints and file.has_keypoints, file.object_count

    best = max(fitting, key=rank)  # the first of equal ones
    for file in fitting:
        if file is not best:
            best.problems.note("unused-file", file.path)
    return Labels(
        "objects",
        describe(
            best.what, len(best.images), len(pictures.files), "COCO", best.path.name, class_count(len(best.names))
        ),
        frozenset(best.images),
        best.truth,
        class_names=best.class_names,
        has_keypoints=best.has_keypoints,
        noted=best.problems,
    )


@dataclass(eq=False)
class _CocoFile:
    """What a file says about the pictures of the folder."""

    path: Path
    images: Mapping[Path, Entry]
    objects: Mapping[Path, Sequence[Entry]]
    names: Mapping[Any, str]
    """Category id -> label: the name, or the place among the sorted ids."""

    class_names: tuple[str, ...]
    problems: Problems

    @property
    def object_count(self) -> int:
        return sum(map(len, self.objects.values()))

    @property
    def has_keypoints(self) -> bool:
        return any(_keypoints(entry) is not None for entries in self.objects.values() for entry in entries)

    @property
    def what(self) -> Text:
        if self.has_keypoints:
            return say("boxes and keypoints")
        has_outlines = any(entry.get("segmentation") for entries in self.objects.values() for entry in entries)
        return say("boxes and outlines") if has_outlines else say("boxes")

    def truth(self, picture: Path) -> ObjectTruth | None:
        """The objects of a picture."""
        size, image = picture_size(picture), self.images[picture]
        if size is None:
            self.problems.note("unreadable-file", picture)
            return None
        way = size.way_from(_declared(image))
        if way is None:
            self.problems.note("other-size", picture)
            return None
        objects = Objects(picture, size)
        for entry in self.objects[picture]:
            self._add(entry, objects, way)
        return objects.truth(self.problems)

    def _add(self, entry: Entry, objects: Objects, way: CoordinateMap) -> None:
        label = self.names.get(_hashable(entry.get("category_id")))
        if label is None:
            objects.note("unknown-class")
            return
        mask = _mask(entry.get("segmentation"), objects, way)
        keypoints = _mapped_keypoints(entry, way)
        box = _box(entry, way) or (mask_box(mask) if mask else _box_around(keypoints))
        if box is None:
            objects.note("not-finite")
            return
        area = _number(entry.get("area"))
        objects.add(
            box,
            label,
            crowd=entry.get("iscrowd") in (1, True),
            area=None if area is None else area * way.area_scale,
            mask=mask,
            keypoints=keypoints,
        )


def _is_coco(document: Any) -> bool:
    if not isinstance(document, dict):
        return False
    lists = (document.get("images"), document.get("annotations"))
    if not all(isinstance(part, list) for part in lists):
        return False
    # Captions have the same lists, but say nothing about objects.
    first = next((entry for entry in document["annotations"] if isinstance(entry, dict)), None)
    return first is None or bool({"bbox", "segmentation", "keypoints"} & set(first))


def _read(path: Path, document: Entry, pictures: Pictures) -> _CocoFile:
    problems = Problems()
    names, class_names = _categories(document.get("categories"))
    by_id = _images(path, document["images"], pictures, problems)
    objects: dict[Path, list[Entry]] = {picture: [] for picture, _ in by_id.values()}
    unknown = 0
    for entry in document["annotations"]:
        image_id = _hashable(entry.get("image_id")) if isinstance(entry, dict) else None
        if image_id is None:
            unknown += 1
        elif image_id in by_id:
            objects[by_id[image_id][0]].append(entry)
    problems.note("unreadable-entry", path, unknown)
    return _CocoFile(path, dict(by_id.values()), objects, names, class_names, problems)


def _images(
    path: Path, entries: Sequence[Any], pictures: Pictures, problems: Problems
) -> dict[Any, tuple[Path, Entry]]:
    """Image id -> the picture and its entry."""
    by_id: dict[Any, tuple[Path, Entry]] = {}
    taken: set[Path] = set()
    for index, entry in enumerate(entries):
        image_id = _hashable(entry.get("id")) if isinstance(entry, dict) else None
        name = entry.get("file_name") if isinstance(entry, dict) else None
        if image_id is None or not isinstance(name, str):
            problems.note("unreadable-entry", f"{path}, images[{index}]")
            continue
        picture = pictures.find(name, problems, path)
        if picture is not None and (image_id in by_id or picture in taken):
            problems.note("duplicate", f"{path}: {name}"[:500])
        elif picture is not None:
            by_id[image_id] = picture, entry
            taken.add(picture)
    return by_id


def _categories(value: Any) -> tuple[dict[Any, str], tuple[str, ...]]:
    """Category id -> label, and the names in the order of the ids; no names where one is missing."""
    entries: dict[int, Any] = defaultdict(lambda: None)
    for entry in value if isinstance(value, list) else ():
        if isinstance(entry, dict) and type(entry.get("id")) is int:
            entries[entry["id"]] = entry.get("name")
    ids = sorted(entries)
    if all(isinstance(name, str) and name for name in entries.values()):
        return {number: entries[number] for number in ids}, tuple(entries[number] for number in ids)
    return {number: str(index) for index, number in enumerate(ids)}, ()


def _declared(image: Entry) -> tuple[float, float] | None:
    width, height = _number(image.get("width")), _number(image.get("height"))
    return None if width is None or height is None else (width, height)


def _box(entry: Entry, way: CoordinateMap) -> Box | None:
    """The box, from x, y, width, height."""
    values = _numbers(entry.get("bbox"))
    if values is None or values.size != 4:
        return None
    x, y, width, height = values.tolist()
    return way.box((x, y, x + width, y + height))


def _box_around(keypoints: NDArray[np.float32] | None) -> Box | None:
    labelled = None if keypoints is None else keypoints[keypoints[:, 2] > 0, :2]
    if labelled is None or not len(labelled):
        return None
    (x1, y1), (x2, y2) = labelled.min(axis=0).tolist(), labelled.max(axis=0).tolist()
    return x1, y1, x2, y2


def _mask(segmentation: Any, objects: Objects, way: CoordinateMap) -> Mask | None:
    if not segmentation:
        return None
    mask = None
    if isinstance(segmentation, dict):
        mask = runs_to_mask(segmentation, objects.size, way)
    elif isinstance(segmentation, list):
        mask = polygons_to_mask([way.points(points) for points in polygons(segmentation)], objects.size)
    if mask is None:
        objects.note("bad-outline")
    return mask


def _mapped_keypoints(entry: Entry, way: CoordinateMap) -> NDArray[np.float32] | None:
    points = _keypoints(entry)
    if points is None:
        return None
    cleaned = clean_keypoints(points).astype(np.float64)
    labelled = cleaned[:, 2] > 0
    cleaned[labelled, :2] = way.points(cleaned[labelled, :2])
    return cleaned.astype(np.float32)


def _keypoints(entry: Entry) -> NDArray[np.float64] | None:
    """Shape (points, 3); None where the entry has none or none is labelled."""
    values = _numbers(entry.get("keypoints"), finite=False)
    if values is None or values.size < 3 or values.size % 3:
        return None
    points = values.reshape(-1, 3)
    return points if (points[:, 2] > 0).any() else None


def _numbers(value: Any, *, finite: bool = True) -> NDArray[np.float64] | None:
    if not isinstance(value, list):
        return None
    try:
        numbers = np.asarray(value, np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    return numbers if numbers.ndim == 1 and (not finite or np.isfinite(numbers).all()) else None


def _number(value: Any) -> float | None:
    numbers = _numbers([value])
    return None if numbers is None else float(numbers[0])


def _hashable(value: Any) -> int | str | None:
    return value if isinstance(value, (int, str)) else None

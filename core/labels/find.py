"""Find the labels that a folder of pictures has, in whatever format."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from core.common.errors import ImagesError
from core.labels.base import Labels, Preference
from core.labels.coco import find_coco
from core.labels.csv_labels import find_labels_csv
from core.labels.folders import find_class_folders
from core.labels.masks import find_masks
from core.labels.pictures import Pictures, splits, words_of
from core.labels.places import Places
from core.labels.reading import MAX_TABLE_BYTES, read_json
from core.labels.text import find_text_files, find_text_in_json, find_text_list
from core.labels.voc import find_voc
from core.labels.yolo import find_yolo

_LOOKED_AT = 1000  # pictures whose directories are looked into
_ARRAYS = (".npy", ".npz")
_JSON_FOLDERS = ("annotations", "labels")
_LABEL_WORDS = re.compile(r"(?i)label|annotation|instance|keypoint|coco|gt\b")
_MOST_JSON_FILES = 50
_MOST_JSON_BYTES = 400_000_000  # of all files together; content takes several times as much memory


def find_labels(folder: Path, files: Sequence[Path], *, prefer: Preference | None = None) -> Labels | None:
    """Find the labels of the samples in a folder.

    Formats in order: ``labels.csv``, COCO, YOLO, Pascal VOC, masks, text; each only where it has at least half as many
    of the pictures as the one with most. Class folders count where there is nothing else.

    Args:
        folder: the folder that the person gave.
        files: its pictures or arrays, below that folder.
        prefer: the kind that the model's task wants; taken first where there is any.

    Returns:
        None where there are no labels.

    Raises:
        ImagesError: label files are damaged as a whole, and there are no others.
    """
    places, pictures = Places(folder), Pictures(folder, files)
    search = _Search()
    for find in _finders(places, pictures, search, prefer):
        search.add(find)
    if search.found:
        best = _best(search.found, prefer)
        best.noted.note("unused-file", folder, len(search.errors))
        return best
    if search.errors:
        raise search.errors[0]
    return find_class_folders(pictures)


class _Search:
    """What was found, and which label files are damaged."""

    def __init__(self) -> None:
        self.found: list[Labels] = []
        self.errors: list[ImagesError] = []

    def add(self, find: Callable[[], Labels | None]) -> None:
        """Look for labels of one format."""
        try:
            labels = find()
        except ImagesError as exc:
            self.errors.append(exc)
        else:
            self.found += [labels] if labels is not None else []


def _finders(
    places: Places, pictures: Pictures, search: _Search, prefer: Preference | None
) -> Iterator[Callable[[], Labels | None]]:
    """The search for each format, in the order of precedence."""
    yield partial(find_labels_csv, places, pictures)
    if not pictures.files or pictures.files[0].suffix.lower() in _ARRAYS:
        return
    documents = list(_documents(places, pictures, search))
    yield partial(find_coco, documents, pictures, prefer_keypoints=prefer == "keypoints")
    yield partial(find_yolo, places, pictures)
    yield partial(find_voc, places, pictures)
    yield partial(find_masks, places, pictures)
    yield partial(find_text_in_json, documents, pictures)
    yield partial(find_text_list, places, pictures)
    yield partial(find_text_files, places, pictures)


def _best(found: Sequence[Labels], prefer: Preference | None) -> Labels:
    most = max(labels.count for labels in found)
    usable = [labels for labels in found if 2 * labels.count >= most]
    if prefer == "keypoints":
        usable.sort(key=lambda labels: (not labels.has_keypoints, labels.kind != "objects"))
    elif prefer is not None:
        usable = [labels for labels in found if labels.kind == prefer] or usable
    return usable[0]


def _documents(places: Places, pictures: Pictures, search: _Search) -> Iterator[tuple[Path, Any]]:
    """The JSON files in the folder, beside the pictures, and above the folder, with their content."""
    for path in _json_files(places, pictures):
        try:
            yield path, read_json(path)
        except ImagesError as exc:
            # Above the folder lies much that has nothing to do with it.
            if path.is_relative_to(places.base) or _LABEL_WORDS.search(path.name):
                search.errors.append(exc)


def _json_files(places: Places, pictures: Pictures) -> Iterator[Path]:
    """Those that may hold labels, the nearest first, up to a number and a size."""
    near = [*places.upwards, *dict.fromkeys(places.directory(path) for path in pictures.files[:_LOOKED_AT])]
    directories = [place for path in near for place in (path, *(path / name for name in _JSON_FOLDERS))]
    paths = [path for place in dict.fromkeys(directories) for path in places.files(place).values()]
    paths = [path for path in paths if path.suffix.lower() == ".json" and _is_same_split(path, pictures)]
    total = 0
    for path in paths[:_MOST_JSON_FILES]:
        size = path.stat().st_size
        if size <= MAX_TABLE_BYTES:  # larger ones are refused when they are read
            total += size
        if total <= _MOST_JSON_BYTES:
            yield path


def _is_same_split(path: Path, pictures: Pictures) -> bool:
    """False for ``instances_train.json`` where the folder is ``val``."""
    said = splits(words_of(path))
    return not said or not pictures.split or bool(said & pictures.split)

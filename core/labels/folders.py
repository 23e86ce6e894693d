"""Class labels from folders: every picture lies in the folder of its class."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from core.common.text import say
from core.labels.base import Labels, class_count, describe
from core.labels.pictures import Pictures
from core.labels.places import PICTURE_FOLDERS, SPLIT_FOLDERS
from core.tasks.predictions import ClassTruth

_NO_CLASSES = PICTURE_FOLDERS | frozenset(SPLIT_FOLDERS) | {"calibration", "evaluation", "data", "dataset", "samples"}
"""Folders of data sets that are no classes, in small letters."""


def find_class_folders(pictures: Pictures) -> Labels | None:
    """The class of each picture is the name of the first folder on the way to it that is no part of a data set.

    None where a picture lies in no such folder, or all lie in one.
    """
    classes = {path: _class_of(path.relative_to(pictures.folder).parts[:-1]) for path in pictures.files}
    names = sorted({name for name in classes.values() if name})
    if len(names) < 2 or None in classes.values():
        return None
    return class_labels({path: (name,) for path, name in classes.items() if name}, pictures, "", tuple(names))


def class_labels(
    classes: Mapping[Path, tuple[str, ...]], pictures: Pictures, origin: str, names: tuple[str, ...] = ()
) -> Labels:
    """Labels of whole pictures.

    Args:
        classes: picture -> its labels; none where it is known that no class is there.
        pictures: all pictures.
        origin: name of the label file; empty for folders.
        names: the classes by index, where they have indices.
    """
    distinct = frozenset(label for labels in classes.values() for label in labels)
    where = origin or say("folders")
    return Labels(
        "classes",
        describe(say("classes"), len(classes), len(pictures.files), where, class_count(len(distinct))),
        frozenset(classes),
        lambda path: ClassTruth("".join(classes[path][:1]), classes[path][1:]),
        class_names=names,
        labels=distinct,
    )


def _class_of(folders: tuple[str, ...]) -> str | None:
    return next((name for name in folders if name.lower() not in _NO_CLASSES), None)

"""Labels of the kind that a task can use, where a folder has several kinds, and how they shape the samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from core.inputs.images import MAX_CALIBRATION_SAMPLES, MAX_TEST_SAMPLES, ImageFolder, ImageReader, Split
from core.inputs.object_crops import CropRule, count_crops, object_crops
from core.job.task_name import TaskName
from core.labels.base import Labels, Preference
from core.labels.find import find_labels

_PREFERRED: Mapping[TaskName, Preference] = {
    "classification": "classes",
    "detection": "objects",
    "instance-segmentation": "objects",
    "pose": "keypoints",
    "keypoints": "keypoints",
    "segmentation": "masks",
    "text": "text",
}


_ONE_OBJECT: frozenset[TaskName] = frozenset({"keypoints"})
"""Tasks whose models take one object at a time: labelled objects are cut out."""


def labels_for(task: TaskName, folder: ImageFolder | None) -> Labels | None:
    """The labels of a folder that the task can use best; None where it has none at all."""
    if folder is None or folder.labels is None:
        return None
    prefer = _PREFERRED.get(task)
    if prefer is None or prefer == folder.labels.kind:
        return folder.labels
    return find_labels(folder.path, folder.files, prefer=prefer)


def takes_one_object(task: TaskName) -> bool:
    """Whether models of the task take one object at a time."""
    return task in _ONE_OBJECT


def takes_crops(task: TaskName, labels: Labels | None) -> bool:
    """Whether samples of the task are objects that the labels show, cut out of their images."""
    return takes_one_object(task) and labels is not None and labels.kind == "objects" and labels.has_keypoints


def labelled_objects(folder: ImageFolder | None, size: tuple[int, int]) -> Iterator[Image.Image]:
    """The objects with labelled keypoints, cut out of the images of a folder one by one; none where it shows none.

    Args:
        folder: of images.
        size: height and width of the model's input.
    """
    labels = labels_for("keypoints", folder)
    if folder is None or labels is None or not takes_crops("keypoints", labels):
        return
    files = (file for file in folder.files if file in labels.files and CropRule().choose(labels.truth(file)))
    for file, image in ImageReader().read(files):
        yield from (crop for crop, _ in object_crops(image, labels.truth(file), size=size))


def with_labels_for(
    task: TaskName,
    split: Split,
    folder: ImageFolder | None,
    calibration_folder: ImageFolder | None = None,
    *,
    points: int | None = None,
) -> Split:
    """The same files with the labels that the task can use best, by which objects are cut out where it needs that.

    Args:
        task: of the model.
        split: the samples.
        folder: of the test samples.
        calibration_folder: of the calibration samples; None where it is the same.
        points: that the model gives of one object, where it takes one at a time: others are not cut out.
    """
    labels = labels_for(task, folder)
    rule = _rule(task, labels, split.test, points, MAX_TEST_SAMPLES)
    if rule is None:
        return replace(split, labels=labels)
    own = labels if calibration_folder is None else labels_for(task, calibration_folder)
    own_rule = _rule(task, own, split.calibration, points, MAX_CALIBRATION_SAMPLES)
    return replace(split, labels=labels, crop=rule, calibration_labels=own, calibration_crop=own_rule)


def _rule(
    task: TaskName, labels: Labels | None, files: Sequence[Path], points: int | None, most: int
) -> CropRule | None:
    """Which objects to cut out, about so many in all; None where there are none."""
    if labels is None or not takes_crops(task, labels):
        return None
    rule = CropRule(points, max(1, most // max(1, len(files))))
    return rule if count_crops(labels, files, rule) else None

"""Labels of the kind that a task can use, where a folder has several kinds, and how they shape the samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from core.inputs.images import ImageFolder, Split
from core.inputs.object_crops import count_crops
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


def takes_crops(task: TaskName, labels: Labels | None) -> bool:
    """Whether samples of the task are objects that the labels show, cut out of their images."""
    return task in _ONE_OBJECT and labels is not None and labels.kind == "objects" and labels.has_keypoints


def with_labels_for(
    task: TaskName, split: Split, folder: ImageFolder | None, calibration_folder: ImageFolder | None = None
) -> Split:
    """The same files with the labels that the task can use best, by which objects are cut out where it needs that.

    Args:
        task: of the model.
        split: the samples.
        folder: of the test samples.
        calibration_folder: of the calibration samples; None where it is the same.
    """
    labels = labels_for(task, folder)
    if labels is None or not takes_crops(task, labels) or not count_crops(labels, split.test):
        return replace(split, labels=labels)
    own = labels if calibration_folder is None else labels_for(task, calibration_folder)
    can_crop = own is not None and takes_crops(task, own) and count_crops(own, split.calibration) > 0
    return replace(split, labels=labels, calibration_labels=own if can_crop else None, crop=True)

"""Labels of the kind that a task can use, where a folder has several kinds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from core.inputs.images import ImageFolder, Split
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


def labels_for(task: TaskName, folder: ImageFolder | None) -> Labels | None:
    """The labels of a folder that the task can use best; None where it has none at all."""
    if folder is None or folder.labels is None:
        return None
    prefer = _PREFERRED.get(task)
    if prefer is None or prefer == folder.labels.kind:
        return folder.labels
    return find_labels(folder.path, folder.files, prefer=prefer)


def with_labels_for(task: TaskName, split: Split, folder: ImageFolder | None) -> Split:
    """The same samples with the labels that the task can use best.

    Args:
        task: of the model.
        split: the samples.
        folder: of the test samples.
    """
    return replace(split, labels=labels_for(task, folder))

"""Recognise a model's task by the shapes of its outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.onnx_model.source import Source
from core.runtimes.predictor import Tensor
from core.tasks.base import Task
from core.tasks.classification import Classification
from core.tasks.tensors import Tensors


def recognize_task(source: Source, outputs: Mapping[str, Tensor], *, labels: Sequence[str] = ()) -> Task:
    """The task of a model, by its outputs for one sample.

    Args:
        source: the model.
        outputs: its outputs for one sample.
        labels: of the test images: class names, folder names or class indices.
    """
    if source.takes_image and len(outputs) == 1:
        ((name, scores),) = outputs.items()
        # (1, classes), or the same before the flattening: (1, classes, 1, 1).
        if scores.ndim in (2, 4) and scores.shape[0] == 1 and scores.size == scores.shape[1] >= 2:
            folders = () if all(label.isdecimal() for label in labels) else _one_per_class(labels, scores.shape[1])
            names = source.class_names if len(source.class_names) == scores.shape[1] else ()
            return Classification(name, names=names, folders=folders)
    return Tensors()


def _one_per_class(labels: Sequence[str], classes: int) -> Sequence[str]:
    """Folder names are class names only where there is one folder for each class."""
    return labels if len(set(labels)) == classes else ()

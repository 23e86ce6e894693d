"""Recognise a model's task by its outputs for a few samples, names and metadata."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from core.common.errors import OptionError
from core.common.text import say
from core.tasks import (
    classification,
    detection,
    embedding,
    image_to_image,
    instance_segmentation,
    keypoints,
    pose,
    scores,
    segmentation,
    text,
)
from core.tasks.base import TASK_TITLES, AnyTask, Evidence, TaskName, TaskOptions
from core.tasks.tensors import Tensors

_RECOGNIZERS: Mapping[TaskName, Callable[[Evidence, TaskOptions], AnyTask | None]] = {
    "instance-segmentation": instance_segmentation.recognize,
    "pose": pose.recognize,
    "detection": detection.recognize,
    "keypoints": keypoints.recognize,
    "text": text.recognize,
    "image-to-image": image_to_image.recognize,
    "segmentation": segmentation.recognize,
    "embedding": embedding.recognize,
    "classification": classification.recognize,
    "scores": scores.recognize,
}
"""Those whose outputs are hardest to mistake first."""

_DEFAULTS = TaskOptions()


def recognize_task(evidence: Evidence, *, name: TaskName | None = None, options: TaskOptions = _DEFAULTS) -> AnyTask:
    """The task of a model.

    Args:
        evidence: what is known of the model.
        name: what the person says that it is for; None: it is recognised.
        options: what the person chose.

    Raises:
        OptionError: the outputs do not fit the task that the person chose.
    """
    if name == "tensors":
        return Tensors()
    if name is None:
        found = (recognize(evidence, options) for recognize in _RECOGNIZERS.values())
        return next((task for task in found if task is not None), Tensors())
    chosen = _RECOGNIZERS[name](evidence, options)
    if chosen is None:
        shapes = ", ".join(f"{output} {tensor.shape}" for output, tensor in evidence.outputs[0].items())
        raise OptionError(
            say("The outputs of this model are not those of the task that was chosen: {task}.", task=TASK_TITLES[name]),
            next_step=say("Choose another task, or let it be recognised."),
            detail=shapes[:2000],
        )
    return chosen

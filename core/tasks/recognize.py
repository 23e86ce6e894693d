"""Recognise a model's task by its outputs for a few samples, names and metadata."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TypeAlias

import numpy as np

from core.common.errors import OptionError
from core.common.text import say
from core.preprocessing import Placement
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
from core.tasks.base import TASK_TITLES, UNFIT, AnyTask, Evidence, TaskName, TaskOptions
from core.tasks.stability import outlasts_rounding
from core.tasks.tensors import Tensors

Recognizer: TypeAlias = Callable[[Evidence, TaskOptions], AnyTask | None]

_RECOGNIZERS: Mapping[TaskName, Recognizer] = {
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

_OF_OBJECTS: frozenset[TaskName] = frozenset({"instance-segmentation", "pose", "detection"})
"""Tasks of which an output may have another shape for each image, or be empty."""

_BY_CHOICE: Mapping[str, Recognizer] = {
    "keypoints": partial(keypoints.recognize, is_chosen=True),
    "text": partial(text.recognize, is_chosen=True),
    "image-to-image": partial(image_to_image.recognize, is_chosen=True),
    "segmentation": partial(segmentation.recognize, is_chosen=True),
    "embedding": partial(embedding.recognize, is_chosen=True),
    "classification": partial(classification.recognize, is_chosen=True),
    "scores": partial(scores.recognize, is_chosen=True),
}
"""Where a person says what the model is for: whatever can be decoded in this way, whether it looks like it or not."""

_DEFAULTS = TaskOptions()


def recognize_task(evidence: Evidence, *, name: TaskName | None = None, options: TaskOptions = _DEFAULTS) -> AnyTask:
    """The task of a model: as EdgePress's own exporter has recorded it, or by what its outputs look like.

    Args:
        evidence: what is known of the model.
        name: what the person says that it is for: then only the shapes of the outputs must allow it; None: it is
            recognised.
        options: what the person chose.

    Raises:
        OptionError: the outputs do not fit the task that the person chose.
    """
    if name == "tensors":
        return Tensors()
    evidence = _first_of_batch(evidence)
    steady = _steady_outputs(evidence)
    if name is None:
        recorded = _BY_CHOICE.get(evidence.metadata.get("edgepress.task", ""))
        known = None if recorded is None else _try(recorded, steady, options)
        if known is not None:
            return known
        is_steady = len(steady.outputs[0]) == len(evidence.outputs[0])
        may_be_objects = not _is_one_map(evidence)
        tried = (
            recognize
            for task, recognize in _RECOGNIZERS.items()
            if (may_be_objects if task in _OF_OBJECTS else is_steady)
        )
        found = (_try(recognize, evidence, options) for recognize in tried)
        return next((_if_stable(task, evidence) for task in found if task is not None), Tensors())
    chosen = _BY_CHOICE[name](steady, options) if name in _BY_CHOICE else _RECOGNIZERS[name](evidence, options)
    if chosen is None:
        shapes = ", ".join(f"{output} {tensor.shape}" for output, tensor in evidence.outputs[0].items())
        raise OptionError(
            say("The outputs of this model are not those of the task that was chosen: {task}.", task=TASK_TITLES[name]),
            next_step=say("Choose another task, or let it be recognised."),
            detail=shapes[:2000],
        )
    return chosen


def _if_stable(task: AnyTask, evidence: Evidence) -> AnyTask:
    """The task, or only numbers where its objects say nothing."""
    if task.name not in _OF_OBJECTS or outlasts_rounding(
        task, evidence.outputs, Placement.identity(evidence.input_size or (1, 1))
    ):
        return task
    return Tensors(
        say(
            "It looks like this task: {task}. But its answers change with the last digits of its numbers, as happens "
            "in a model that was not trained, so only numbers are compared.",
            task=TASK_TITLES[task.name],
        )
    )


def _try(recognize: Recognizer, evidence: Evidence, options: TaskOptions) -> AnyTask | None:
    """None too where outputs have a form that a task was not made for, or cannot decode: that must not cost the job."""
    try:
        task = recognize(evidence, options)
        if task is not None:
            for outputs in evidence.outputs:
                task.decode(outputs, Placement.identity(evidence.input_size or (1, 1)))
    except UNFIT:
        return None
    return task


def _first_of_batch(evidence: Evidence) -> Evidence:
    """With the outputs for the first image, where the batch size is fixed above 1 (the image is repeated)."""
    batch = evidence.source.inputs[0].shape[0] if evidence.source.takes_image else 1
    if not isinstance(batch, int) or batch == 1:
        return evidence
    outputs = [
        {name: tensor[:1] if tensor.shape[:1] == (batch,) else tensor for name, tensor in sample.items()}
        for sample in evidence.outputs
    ]
    return replace(evidence, outputs=outputs)


def _steady_outputs(evidence: Evidence) -> Evidence:
    """With those outputs only that are never empty, and for images of one size have one shape."""
    takes_image = evidence.input_size is not None

    def is_steady(name: str) -> bool:
        tensors = [sample[name] for sample in evidence.outputs]
        has_one_shape = len({tensor.shape for tensor in tensors}) == 1
        return all(tensor.size for tensor in tensors) and (has_one_shape or not takes_image)

    names = [name for name in evidence.outputs[0] if is_steady(name)]
    return replace(evidence, outputs=[{name: sample[name] for name in names} for sample in evidence.outputs])


def _is_one_map(evidence: Evidence) -> bool:
    """Whether the only output is (1, height, width) of the input, or whole numbers: masks look like rows of objects."""
    tensors = tuple(evidence.outputs[0].values())
    if len(tensors) != 1 or tensors[0].ndim != 3 or tensors[0].shape[0] != 1:
        return False
    return tensors[0].shape[1:] == evidence.input_size or bool(np.issubdtype(tensors[0].dtype, np.integer))

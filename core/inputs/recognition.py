"""Recognise the task of a model by running it on a few samples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from core.inputs.evidence import gather_evidence
from core.inputs.images import ImageFolder
from core.inputs.labels_for_task import labelled_objects
from core.inputs.samples import Sample, image_sample
from core.job.task_name import TaskName
from core.onnx_model.source import Source
from core.preprocessing import Preprocessing
from core.runtimes.predictor import Predictor, Tensor
from core.tasks.base import AnyTask, TaskOptions
from core.tasks.objects.object_task import ObjectTask
from core.tasks.recognize import recognize_task

RECOGNITION_SAMPLES = 4
"""Samples that are enough, but for detectors that find nothing in them."""

_MORE_SAMPLES = 60
"""That such a detector is tried on at most, one by one, until it finds something."""

_WHOLE_IMAGES: frozenset[TaskName] = frozenset({"segmentation", "image-to-image", "tensors"})
"""What heatmaps of single bodies look like where the images are not cropped to one."""


@dataclass(frozen=True)
class TaskRequest:
    """What a person said about the task; what is None is recognised."""

    name: TaskName | None = None
    score: float | None = None
    class_names: tuple[str, ...] = ()

    @property
    def options(self) -> TaskOptions:
        """As tasks take them."""
        return TaskOptions(score=self.score)


def for_crops(preprocessing: Preprocessing) -> Preprocessing:
    """The same for objects that are cut out in the input's proportions: nothing of them is cut off once more."""
    return replace(preprocessing, fit="stretch") if preprocessing.fit == "crop" else preprocessing


def recognize_from_samples(
    source: Source,
    predictor: Predictor,
    samples: Iterable[Sample],
    *,
    preprocessings: Sequence[Preprocessing],
    folder: ImageFolder | None,
    request: TaskRequest,
) -> AnyTask:
    """The task of a model; where the labels have keypoints, their objects are looked at one by one as well.

    Args:
        source: the model, with only those inputs that differ between samples.
        predictor: the same, loaded.
        samples: at least one. More than the first :data:`RECOGNITION_SAMPLES` are read only where a detector is not
            sure of anything in those: its threshold is lowered only if there is nothing in others either.
        preprocessings: how images may become inputs; the first one is that of the samples, the others are tried on
            labelled objects.
        folder: of the samples, where they are files.
        request: what the person said.

    Raises:
        OptionError: the outputs do not fit the task that the person chose.
        ConversionError: the model does not run.
    """

    def recognize(outputs: Sequence[Mapping[str, Tensor]]) -> AnyTask:
        evidence = gather_evidence(
            source,
            outputs,
            input_size=preprocessings[0].size,
            labels=None if folder is None else folder.labels,
            class_names=request.class_names,
            is_synthetic=all(sample.file is None for sample in first),
        )
        return recognize_task(evidence, name=request.name, options=request.options)

    rest = iter(samples)
    first = list(islice(rest, RECOGNITION_SAMPLES))
    outputs = [predictor.run(sample.feeds) for sample in first]
    task = recognize(outputs)
    if isinstance(task, ObjectTask) and task.score < task.usual_score and request.score is None:
        sure = _first_sure(task, predictor, islice(rest, _MORE_SAMPLES))
        return task if sure is None else recognize([*outputs, sure])
    if request.name is None and task.name in _WHOLE_IMAGES and source.takes_image:
        crops = list(islice(labelled_objects(folder, preprocessings[0].size), RECOGNITION_SAMPLES))
        for preprocessing in dict.fromkeys(map(for_crops, preprocessings)) if crops else ():
            parts = [image_sample(source, preprocessing, crop) for crop in crops]
            of_crops = recognize([predictor.run({**first[0].feeds, **part.feeds}) for part in parts])
            if of_crops.name == "keypoints":
                return of_crops
    return task


def _first_sure(task: ObjectTask, predictor: Predictor, samples: Iterable[Sample]) -> Mapping[str, Tensor] | None:
    """The outputs for the first sample with an object that reaches the usual score."""
    for sample in samples:
        outputs = predictor.run(sample.feeds)
        if (task.decode(outputs, sample.placement).scores >= task.usual_score).any():
            return outputs
    return None

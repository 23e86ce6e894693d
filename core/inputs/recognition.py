"""Recognise the task of a model by running it on a few samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from core.inputs.evidence import gather_evidence
from core.inputs.images import ImageFolder
from core.inputs.labels_for_task import labels_for, takes_crops
from core.inputs.object_crops import object_crops
from core.inputs.samples import Sample, image_sample
from core.job.task_name import TaskName
from core.onnx_model.source import Source
from core.preprocessing import Preprocessing
from core.runtimes.predictor import Predictor
from core.tasks.base import AnyTask, TaskOptions
from core.tasks.recognize import recognize_task

RECOGNITION_SAMPLES = 4
"""Samples that are enough."""

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


def recognize_from_samples(
    source: Source,
    predictor: Predictor,
    samples: Sequence[Sample],
    *,
    preprocessing: Preprocessing,
    folder: ImageFolder | None,
    request: TaskRequest,
) -> AnyTask:
    """The task of a model; where the labels have keypoints, their objects are looked at one by one as well.

    Args:
        source: the model, with only those inputs that differ between samples.
        predictor: the same, loaded.
        samples: a few, at least one.
        preprocessing: how images become inputs.
        folder: of the samples, where they are files.
        request: what the person said.

    Raises:
        OptionError: the outputs do not fit the task that the person chose.
        ConversionError: the model does not run.
    """

    def recognize(chosen: Sequence[Sample]) -> AnyTask:
        evidence = gather_evidence(
            source,
            [predictor.run(sample.feeds) for sample in chosen],
            input_size=preprocessing.size,
            labels=None if folder is None else folder.labels,
            class_names=request.class_names,
        )
        return recognize_task(evidence, name=request.name, options=request.options)

    task = recognize(samples)
    if request.name is None and task.name in _WHOLE_IMAGES and source.takes_image:
        crops = list(islice(_crops(source, samples, preprocessing, folder), RECOGNITION_SAMPLES))
        of_crops = recognize(crops) if crops else task
        return of_crops if of_crops.name == "keypoints" else task
    return task


def _crops(
    source: Source, samples: Sequence[Sample], preprocessing: Preprocessing, folder: ImageFolder | None
) -> Iterator[Sample]:
    labels = labels_for("keypoints", folder)
    if labels is None or not takes_crops("keypoints", labels):
        return
    for sample in samples:
        if sample.image is not None and sample.file is not None:
            for crop, _ in object_crops(sample.image, labels.truth(sample.file), size=preprocessing.size):
                part = image_sample(source, preprocessing, crop)
                yield Sample({**sample.feeds, **part.feeds})

"""The models of a finished job, loaded once and kept in the helper process; a picture goes through one at a time."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from PIL import Image

from core.common.errors import EdgePressError, InputError, SourceError
from core.common.memory import release_freed_memory
from core.common.paths import is_file
from core.common.text import say
from core.decoding import read_picture
from core.inputs.fixed_inputs import fixed_inputs
from core.inputs.recognition import RECOGNITION_SAMPLES, TaskRequest, recognize_from_samples
from core.inputs.samples import Sample, image_sample
from core.job.job import Job
from core.onnx_model.inspect import inspect
from core.onnx_model.source import Source
from core.preprocessing import Preprocessing
from core.queue.job_folder import JobFolder
from core.report.schema import OutcomeEntry, Report, read_report
from core.runtimes.predictor import Feeds, Predictor, Tensor
from core.runtimes.source import open_source
from core.targets import target_by_id
from core.tasks.base import UNFIT, AnyTask
from core.tasks.predictions import Prediction
from core.tryout.answers import TriedAnswer, TriedPicture

_MAX_SIDE = (1024, 1024)
_QUALITY = 85
_LATE = 2.0
"""Seconds by which a file may be newer than the report that names it, since some disks keep time in whole seconds."""


@dataclass
class _Loaded:
    """A job with those of its models that were used."""

    folder: Path
    stamp: int
    """Of its report: another one, and other files may be in use."""

    report: Report
    source: Source
    """With only those inputs that differ between samples."""

    fixed: Feeds
    original: Predictor
    task: AnyTask | None = None
    predictors: dict[str, Predictor] = field(default_factory=dict)
    sample: Sample | None = None
    """Of the last picture."""

    expected: Mapping[str, Tensor] = field(default_factory=dict)
    """The original's outputs for it."""

    prediction: Prediction | None = None

    @property
    def preprocessing(self) -> Preprocessing:
        return self.report.preprocessing

    def close(self) -> None:
        for predictor in (self.original, *self.predictors.values()):
            predictor.close()
        release_freed_memory()


_loaded: _Loaded | None = None


def try_original(folder: Path, picture: Path) -> tuple[TriedPicture, TriedAnswer]:
    """Decode a picture, and run the original on it.

    Args:
        folder: of the job, which is done.
        picture: file of the picture.

    Raises:
        EdgePressError: the picture cannot be decoded, or the original is not there any more, was changed, takes no
            pictures, or does not run.
    """
    job = _open(folder)
    sample = _prepare(job, picture)
    image = sample.image
    assert image is not None
    shown = image.convert("RGB")
    shown.thumbnail(_MAX_SIDE)
    stream = io.BytesIO()
    shown.save(stream, "JPEG", quality=_QUALITY)
    start = time.perf_counter()
    job.original.run(sample.feeds)
    seconds = time.perf_counter() - start
    assert job.task is not None
    answer = TriedAnswer(job.task.to_json(job.prediction), 1.0, seconds)
    return TriedPicture(stream.getvalue(), (image.height, image.width)), answer


def try_file(folder: Path, picture: Path, target: str) -> TriedAnswer:
    """Run one file of a job on a picture.

    Args:
        folder: of the job.
        picture: file of the picture.
        target: whose file is used.

    Raises:
        EdgePressError: as above, or the file is not there any more, was changed, or does not run.
    """
    job = _open(folder)
    sample = _prepare(job, picture)
    assert job.task is not None
    outcome = next(one for one in job.report.converted if one.target == target)
    _check_unchanged(job, outcome)
    if target not in job.predictors:
        job.predictors[target] = target_by_id(target).open(outcome.artifact, job.expected, threads=0)
        job.predictors[target].run(sample.feeds)  # the first run also allocates
    start = time.perf_counter()
    outputs = job.predictors[target].run(sample.feeds)
    seconds = time.perf_counter() - start
    prediction = _decode(job.task, outputs, sample)
    return TriedAnswer(job.task.to_json(prediction), job.task.agreement().update(job.prediction, prediction), seconds)


def _open(folder: Path) -> _Loaded:
    global _loaded
    stamp = (folder / "report.json").stat().st_mtime_ns if is_file(folder / "report.json") else 0
    if _loaded is not None and (_loaded.folder, _loaded.stamp) == (folder, stamp) and _loaded.source.is_current:
        return _loaded
    if _loaded is not None:
        _loaded.close()
        _loaded = None
    data, settings = JobFolder(folder).report(), JobFolder(folder).job()
    if data is None:
        raise InputError(say("This job has no results."), next_step=say("Choose one that is done."))
    report = read_report(data)
    source = _source(settings, report)
    fixed = fixed_inputs(source, settings.inputs)
    sampled = source.without(fixed)
    if not sampled.takes_image:
        raise SourceError(
            say("This model takes no pictures, so none can be tried with it."),
            next_step=say("What its files answer for your examples is in the figures above."),
        )
    job = _Loaded(folder, stamp, report, sampled, fixed, open_source(source.path))
    try:
        job.task = _task(job, settings)
    except BaseException:
        job.close()
        raise
    _loaded = job
    return job


def _source(job: Job, report: Report) -> Source:
    """The original, if it is still the file that was converted."""
    if not is_file(job.source):
        raise SourceError(
            say("The original is no longer where it was: {path}", path=job.source),
            next_step=say("Put it back there, or convert it again."),
        )
    is_changed = job.source.stat().st_size != report.source.size_bytes
    if job.model is not None and job.model.modified_ns is not None:
        is_changed = is_changed or not job.model.is_current
    if is_changed:
        raise SourceError(
            say("The original was changed after it was converted: {path}", path=job.source),
            next_step=say("Convert it again; the files here were made from what it was before."),
        )
    return job.inspected or replace(inspect(job.source), dequantize=job.dequantize)


def _task(job: _Loaded, settings: Job) -> AnyTask:
    """The task as it was recognised then, from the pictures that the job stored."""
    samples = list(islice(_stored_samples(job), RECOGNITION_SAMPLES))
    task = job.report.task
    return recognize_from_samples(
        job.source,
        job.original,
        samples,
        preprocessings=[job.preprocessing],
        folder=None,
        request=TaskRequest(task.name, task.options.score, settings.class_names or task.class_names),
    )


def _stored_samples(job: _Loaded) -> list[Sample]:
    """Of the first pictures that the job stored; of a grey one where there are none."""
    samples = []
    for path in sorted((job.folder / "gallery").glob("*.jpg"))[:RECOGNITION_SAMPLES]:
        try:
            samples.append(_sample(job, read_picture(path), path))
        except EdgePressError:
            continue
    height, width = job.preprocessing.size
    return samples or [_sample(job, Image.new("RGB", (width, height), "grey"), None)]


def _sample(job: _Loaded, image: Image.Image, path: Path | None) -> Sample:
    made = image_sample(job.source, job.preprocessing, image, path)
    return replace(made, feeds={**job.fixed, **made.feeds})


def _prepare(job: _Loaded, picture: Path) -> Sample:
    """The sample of a picture with the original's answer; the last one is kept, since every file asks for it."""
    if job.sample is None or job.sample.file != picture:
        sample = _sample(job, read_picture(picture), picture)
        expected = job.original.run(sample.feeds)
        assert job.task is not None
        job.prediction = _decode(job.task, expected, sample)
        job.sample, job.expected = sample, expected
    return job.sample


def _decode(task: AnyTask, outputs: Mapping[str, Tensor], sample: Sample) -> Prediction:
    try:
        prediction: Prediction = task.decode(outputs, sample.placement)
    except UNFIT as exc:
        raise InputError(
            say("The outputs for this picture cannot be read as those of the task."),
            next_step=say("Try another picture."),
            detail=repr(exc),
        ) from exc
    return prediction


def _check_unchanged(job: _Loaded, outcome: OutcomeEntry) -> None:
    missing = [file for file in outcome.files if not is_file(file)]
    if missing:
        raise InputError(
            say("The file {name} is no longer where it was written.", name=missing[0].name),
            next_step=say("Put it back there, or convert again."),
            detail=str(missing[0]),
        )
    found = [file.stat() for file in outcome.files]
    is_newer = any(one.st_mtime_ns > job.stamp + _LATE * 1e9 for one in found)
    if is_newer or sum(one.st_size for one in found) != outcome.size_bytes:
        raise InputError(
            say("The file {name} was changed after it was made.", name=outcome.files[0].name),
            next_step=say("Convert again, or put the file back as it was."),
            detail=str(outcome.files[0]),
        )

"""Run a whole job: make every target, evaluate all files against the source, verify, publish, report."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from core.common.errors import EdgePressError, ImagesError, RunLimitError, TargetRefused
from core.common.memory import release_freed_memory
from core.common.progress import Progress, portion
from core.common.publish import StagedFile, check_output_folder, discard, stage
from core.common.text import Text, say
from core.common.unexpected_errors import describe_unexpected_error
from core.conversion.context import ConversionContext
from core.conversion.larger_files import why_larger
from core.evaluation.choose_by_agreement import choose_by_agreement
from core.evaluation.evaluate import Evaluation, UnverifiedArtifact, evaluate
from core.inputs.images import ImageFolder, SampleCounts, Split, read_folder, split, test_only
from core.inputs.labels_for_task import with_labels_for
from core.inputs.recognition import TaskRequest, for_crops, recognize_from_samples
from core.isolation.predictor import allow_time
from core.job.crashes import AtTarget, Crashes
from core.job.job import Job
from core.job.outcome import Converted, Failed, Outcome, PostProcessing, Refused
from core.job.preflight_result import PreflightResult
from core.job.target_id import TargetId
from core.onnx_model.inspect import inspect
from core.onnx_model.source import Source
from core.preflight.preflight import check_targets
from core.report import transaction
from core.report.gallery import Gallery
from core.report.make_report import make_report
from core.report.schema import Report
from core.report.variants import keep_variants
from core.runtimes.run_limit import allow_estimated
from core.runtimes.source import open_source
from core.targets import target_by_id
from core.targets.base import Target
from core.tasks.base import AnyTask
from core.tasks.keypoints import KeypointDetection

_MADE, _CHOSEN, _EVALUATED = 0.5, 0.55, 0.98
"""Fractions of the progress bar when all files are made, when they are chosen, and when they are evaluated."""

_Staged: TypeAlias = dict[TargetId, tuple[StagedFile, ...]]
"""The files of each target that passed, complete in the output folder under temporary names."""

_MakeResult: TypeAlias = UnverifiedArtifact | Refused | Failed


@dataclass(frozen=True)
class SampleFolders:
    """The folder of the test samples, and that of the calibration samples where it is another one."""

    test: ImageFolder | None
    calibration: ImageFolder | None


def _ignore(count: int) -> None:
    """For callers that do not show it."""


def run_job(
    job: Job,
    folder: Path,
    progress: Progress,
    *,
    on_targets_made: Callable[[int], None] = _ignore,
    at_target: AtTarget = nullcontext,
    crashes: Crashes | None = None,
) -> Report:
    """Run a job; call it in a process of its own, since native libraries may crash it.

    Args:
        job: what to do.
        folder: the job's folder; gets ``report.json``, ``gallery.json`` and ``gallery/``.
        progress: called at every sample.
        on_targets_made: called with how many targets have been made, or tried: before each one, and after the last.
        at_target: entered while one target is made, loaded or run.
        crashes: of earlier processes that ran this job; the targets at which they died are not tried again.

    Returns:
        What was also written to ``report.json``. The journal of that is left
        (:mod:`core.report.transaction`): the caller removes it once it has written the job's final state.

    Raises:
        InputError: the source, the samples or the output folder cannot be used.
        OSError: the disk is full.
    """
    work = folder / "work"
    work.mkdir(parents=True, exist_ok=True)
    staged: _Staged = {}
    try:
        report = _run(job, folder, work, staged, progress, on_targets_made, at_target, crashes or Crashes())
        transaction.begin(folder, staged, report)
    except BaseException:
        for files in staged.values():
            discard(files)
        raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return transaction.complete(folder)


def _run(
    job: Job,
    folder: Path,
    work: Path,
    staged: _Staged,
    progress: Progress,
    on_targets_made: Callable[[int], None],
    at_target: AtTarget,
    crashes: Crashes,
) -> Report:
    progress(0.0, say("Checking the model and the pictures"))
    check_output_folder(job.out)
    context, folders = open_context(job, work)
    folder_problems = [problem for each in (folders.test, folders.calibration) if each for problem in each.problems]
    preflight = _preflight(job, context)
    allow_estimated(
        max((result.seconds or 0.0 for result in preflight), default=0.0),
        max((result.memory_bytes or 0.0 for result in preflight), default=0.0),
    )
    task = recognize_task(job, context, folders)
    job = replace(job, preprocessing=context.preprocessing)

    _allow_time(context)
    made = _make_all(preflight, context, portion(progress, 0.02, _MADE), on_targets_made, at_target, crashes)
    artifacts = choose_by_agreement(
        [result for result in made if isinstance(result, UnverifiedArtifact)],
        context,
        task=task,
        progress=portion(progress, _MADE, _CHOSEN),
        at_target=at_target,
    )
    chosen = {one.target.id: one for one in artifacts}
    made = [chosen[one.target.id] if isinstance(one, UnverifiedArtifact) else one for one in made]
    context.release_calibration()
    release_freed_memory(context.source.size_bytes)
    gallery = Gallery(folder, task)
    evaluation = evaluate(
        artifacts,
        context,
        task=task,
        on_sample=gallery.add,
        progress=portion(progress, _CHOSEN, _EVALUATED),
        at_target=at_target,
        one_at_a_time=crashes.one_at_a_time,
    )
    gallery.write()
    progress(_EVALUATED, say("Putting the files in their place"))
    outcomes = [_finish(result, evaluation, context.source, staged, out=job.out, folder=folder) for result in made]
    return make_report(
        job,
        context.source,
        task=task,
        split=context.split,
        skipped=context.reader.skipped,
        evaluation=evaluation,
        outcomes=tuple(outcomes),
        notes=(*folder_problems, *context.notes, *evaluation.notes),
        preflight=preflight,
    )


def open_context(job: Job, work: Path) -> tuple[ConversionContext, SampleFolders]:
    """What the targets of a job share, with its samples; its task is not known yet.

    Args:
        job: what to do.
        work: folder for intermediate files.

    Raises:
        InputError: the source or the samples cannot be used.
    """
    samples, *folders = _split(job)
    context = ConversionContext(
        job.inspected or replace(inspect(job.source), dequantize=job.dequantize),
        job.preprocessing,
        split=samples,
        folder=work,
        inputs=job.inputs,
        ncnn_tools=job.ncnn_tools,
        ncnn_calibration=job.ncnn_calibration,
        change=job.change,
        keep=job.keep,
    )
    return context, SampleFolders(*folders)


def recognize_task(job: Job, context: ConversionContext, folders: SampleFolders) -> AnyTask:
    """Recognise the task, and fit the context to it: the labels that it uses, and which objects are cut out.

    Raises:
        OptionError: the outputs do not fit the task that the person chose.
        SourceError: the source does not run.
    """
    task = context.task = recognize_task_of(job, context, folders.test)
    points = task.point_count if isinstance(task, KeypointDetection) else None
    context.split = with_labels_for(task.name, context.split, folders.test, folders.calibration, points=points)
    if context.split.crop is not None:
        context.preprocessing = for_crops(context.preprocessing)
    return task


def recognize_task_of(job: Job, context: ConversionContext, folder: ImageFolder | None = None) -> AnyTask:
    """The task that the person chose, or the one that the source's outputs show.

    Args:
        job: with what the person chose.
        context: the source and the test samples.
        folder: of the test samples.

    Raises:
        OptionError: the outputs do not fit the task that the person chose.
        SourceError: the source does not run.
    """
    predictor = open_source(context.source.path, threads=1)
    try:
        return recognize_from_samples(
            context.sampled,
            predictor,
            context.test_samples(),
            preprocessings=[job.preprocessing],
            folder=folder,
            request=TaskRequest(job.task, job.score, job.class_names),
        )
    finally:
        predictor.close()


def _split(job: Job) -> tuple[Split, ImageFolder | None, ImageFolder | None]:
    """The samples, the folder of those that the files are tested on, and that of the others, if it is another one."""
    images = None if job.images is None else read_folder(job.images)
    test_images = None if job.test_images is None else read_folder(job.test_images)
    if images is not None:
        return split(images, test_images), test_images or images, None if test_images is None else images
    return (Split() if test_images is None else test_only(test_images)), test_images, None


def _preflight(job: Job, context: ConversionContext) -> tuple[PreflightResult, ...]:
    """One result for each target, in the job's order: those from when the job was set up, if they are still valid."""
    if context.source is job.model and tuple(result.target for result in job.preflight) == job.targets:
        return job.preflight
    return check_targets(
        context.source,
        samples=SampleCounts.of(context.split),
        given=context.fixed,
        targets=job.targets,
        size=job.preprocessing.size,
    )


def _make_all(
    preflight: tuple[PreflightResult, ...],
    context: ConversionContext,
    progress: Progress,
    on_targets_made: Callable[[int], None],
    at_target: AtTarget,
    crashes: Crashes,
) -> list[_MakeResult]:
    made: list[_MakeResult] = []
    crashed = {failed.target: failed for failed in crashes.failed}
    for result in preflight:
        on_targets_made(len(made))
        if result.reason is not None and result.next_step is not None:
            made.append(Refused(result.target, result.reason, result.next_step))
            continue
        if result.target in crashed:
            made.append(crashed[result.target])
            continue
        part = portion(progress, len(made) / len(preflight), (len(made) + 1) / len(preflight))
        with at_target(result.target):
            made.append(_make(target_by_id(result.target), context, part))
        release_freed_memory(context.source.size_bytes)
    on_targets_made(len(made))
    return made


def _allow_time(context: ConversionContext) -> None:
    """Measure how long the source takes, by which it is told whether a new file hangs."""
    start = time.perf_counter()
    _ = context.expected
    allow_time(time.perf_counter() - start)


def _make(target: Target, context: ConversionContext, progress: Progress) -> _MakeResult:
    """Make one target; an error becomes its outcome."""
    start = time.perf_counter()
    folder = context.folder / target.id
    folder.mkdir()

    def with_title(fraction: float, message: Text) -> None:
        progress(fraction, say("{target}: {step}", target=target.title, step=message))

    with_title(0.0, say("starting"))
    try:
        _check_calibration(target, context)
        artifact = target.make(context, folder, with_title)
    except TargetRefused as exc:
        return Refused(target.id, exc.reason, exc.next_step)
    except RunLimitError:
        raise  # the next target would wait for the same
    except EdgePressError as exc:
        return Failed(target.id, exc.reason, exc.next_step, exc.detail, time.perf_counter() - start)
    # An unexpected error in one target, ours or a library's, must not cost the others.
    except Exception as exc:  # noqa: BLE001
        return Failed(target.id, *describe_unexpected_error(exc), time.perf_counter() - start)
    return UnverifiedArtifact(target, artifact, time.perf_counter() - start)


def _check_calibration(target: Target, context: ConversionContext) -> None:
    """There may be files of which none can be read; pre-flight only counts them."""
    if target.needs_images and not context.can_calibrate:
        raise ImagesError(
            say("None of the pictures or arrays can be used with this model."),
            next_step=say("Choose a folder with pictures that open in a picture viewer, or arrays that fit the model."),
            detail="\n".join(f"{path.name}: {why}" for path, why in islice(context.reader.skipped.items(), 5)),
        )


def _finish(
    made: _MakeResult, evaluation: Evaluation, source: Source, staged: _Staged, *, out: Path, folder: Path
) -> Outcome:
    """Verify what was made, and stage it if it passes."""
    if not isinstance(made, UnverifiedArtifact):
        return made
    try:
        comparison, notes = evaluation.verify(made.target)
        files = staged[made.target.id] = stage(made.artifact.files, out, tag=folder.name)
    except EdgePressError as exc:
        return Failed(made.target.id, exc.reason, exc.next_step, exc.detail, made.seconds)
    cut = _kept(made.artifact.cut, folder)
    size = made.artifact.size_bytes
    if size > source.size_bytes:
        notes = (*notes, why_larger(size, source))
    finals = tuple(file.final for file in files)
    artifact = replace(made.artifact, files=finals, cut=cut, notes=(*made.artifact.notes, *notes), variants=())
    chosen = Converted(artifact, comparison, made.seconds, size)
    return replace(chosen, variants=keep_variants(chosen, made, evaluation, folder))


def _kept(cut: PostProcessing | None, folder: Path) -> PostProcessing | None:
    """The same, with its ONNX file in the job's folder: whoever uses the ncnn file needs it after the job, too."""
    if cut is None or cut.model is None:
        return cut
    kept = folder / cut.model.name
    if not kept.exists():
        partial = kept.with_name(f".{kept.name}.part")
        shutil.copyfile(cut.model, partial)
        partial.replace(kept)
    return replace(cut, model=kept)

"""Try the files of a finished job on the emulated ARM processor, and put what came of it into the job's report."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from core.arm.comparison import SAMPLES, ArmComparison, compare_on_arm
from core.arm.emulated import NotTried, RunKind
from core.common.errors import ConversionError, InputError
from core.common.progress import Progress, silent
from core.common.serialization import to_data
from core.common.text import Text, say
from core.conversion.context import ConversionContext
from core.evaluation.verdict import found
from core.job.outcome import Artifact
from core.process.subprocess_call import call_in_subprocess, never_cancelled
from core.queue.job_folder import JobFolder
from core.report.schema import ArmEntry, OutcomeEntry, read_report
from core.runner import open_context, recognize_task
from core.setup import arm
from core.targets import target_by_id
from core.targets.base import Target
from core.tasks.base import AnyTask

_TIMEOUT = 6 * 3600.0


def check_on_arm(
    folder: Path,
    processor: str = arm.PROCESSORS[0],
    *,
    progress: Progress = silent,
    cancelled: Callable[[], bool] = never_cancelled,
) -> None:
    """Check a job in a process of its own; its report is written at the end, or not at all.

    Args:
        folder: of the job, which is done.
        processor: one of :data:`core.setup.arm.PROCESSORS`.
        progress: called at every sample.
        cancelled: polled ten times a second; once it returns true, the emulator is killed.

    Raises:
        EdgePressError: as :func:`check_job`.
        Cancelled: ``cancelled`` returned true.
    """
    arm.require()
    call_in_subprocess(
        "check",
        {"folder": str(folder), "processor": processor},
        timeout=_TIMEOUT,
        command=[sys.executable, "-m", "core.arm"],
        progress=progress,
        cancelled=cancelled,
    )


def check_job(folder: Path, processor: str, progress: Progress = silent) -> None:
    """Check all files of a job, one after another: a crash of one costs that one.

    Args:
        folder: of the job, which is done.
        processor: one of :data:`core.setup.arm.PROCESSORS`.
        progress: called at every sample.

    Raises:
        InputError: the job, its source or its samples cannot be read any more.
        ToolError: the emulator is not there.
    """
    arm.require()
    job_folder = JobFolder(folder)
    data = job_folder.report()
    if data is None:
        raise InputError(
            say("This job has no results that could be checked."), next_step=say("Choose one that is done.")
        )
    report, job = read_report(data), job_folder.job()
    progress(0.0, say("Reading the original and the test examples"))
    work = Path(tempfile.mkdtemp(prefix="edgepress-arm-"))
    try:
        context, folders = open_context(job, work)
        task = recognize_task(job, context, folders)
        outcomes = []
        for index, outcome in enumerate(report.outcomes):
            share = (index / len(report.outcomes), 1 / len(report.outcomes))
            outcomes.append(
                _checked(outcome, context, task, processor, progress, share)
                if outcome.status == "converted"
                else outcome
            )
    finally:
        shutil.rmtree(work, ignore_errors=True)
    _write(job_folder, outcomes)


def _write(job_folder: JobFolder, checked: Sequence[OutcomeEntry]) -> None:
    """Put the findings into the report, but for files in the place of which another one was put in the meantime."""
    report = read_report(job_folder.report())
    found = {(one.target, one.variant): one.arm for one in checked}
    outcomes = (replace(one, arm=found.get((one.target, one.variant), one.arm)) for one in report.outcomes)
    job_folder.write_report(to_data(replace(report, outcomes=tuple(outcomes))))


def _checked(
    outcome: OutcomeEntry,
    context: ConversionContext,
    task: AnyTask,
    processor: str,
    progress: Progress,
    share: tuple[float, float],
) -> OutcomeEntry:
    target, (start, part) = target_by_id(outcome.target), share
    count = min(SAMPLES, context.test_sample_count)

    def on_sample(done: int) -> None:
        message = say(
            "{target}: on ARM, example {done} of {all}", target=target.title, done=min(done + 1, count), all=count
        )
        progress(start + part * min(1.0, done / count), message)

    on_sample(0)
    try:
        return replace(outcome, arm=_try(target, outcome, context, task, processor, on_sample))
    except NotTried as exc:
        return replace(outcome, arm=ArmEntry(processor, "unknown", str(exc.reason), exc.reason, 0, detail=exc.detail))
    except ConversionError as exc:
        words = say("{reason} On this computer it runs.", reason=exc.reason)
        return replace(outcome, arm=ArmEntry(processor, "wrong", str(words), words, 0, detail=exc.detail))


def _try(
    target: Target,
    outcome: OutcomeEntry,
    context: ConversionContext,
    task: AnyTask,
    processor: str,
    on_sample: Callable[[int], None],
) -> ArmEntry:
    artifact = artifact_of(outcome)

    def run(kind: RunKind) -> ArmComparison:
        return compare_on_arm(target, artifact, context, task, kind=kind, processor=processor, on_sample=on_sample)

    if target.format.name != "ncnn":
        return _entry(run("onnx"), processor)
    in_16_bit = run("ncnn")
    return _entry(in_16_bit, processor, in_float32=None if is_right(in_16_bit) else run("ncnn-float32"))


def artifact_of(outcome: OutcomeEntry) -> Artifact:
    """The file of a report's entry, as its target opens it.

    Raises:
        NotTried: it is not there any more.
    """
    missing = [file.name for file in outcome.files if not file.is_file()]
    if missing:
        raise NotTried(
            say("The file {name} is no longer where it was written.", name=missing[0]),
            next_step=say("Start the conversion again."),
        )
    return outcome.artifact


def is_right(found: ArmComparison) -> bool:
    """Whether a file is as good on ARM as here."""
    return found.light != "failed" and found.is_within_budget


def _entry(comparison: ArmComparison, processor: str, *, in_float32: ArmComparison | None = None) -> ArmEntry:
    """The entry of one file.

    Args:
        comparison: with the options that its runtime chooses there.
        processor: what was emulated.
        in_float32: of an ncnn file that is wrong with these, without arithmetic in 16 bit.
    """
    words = _words(comparison, in_float32)
    return ArmEntry(
        processor,
        "right" if is_right(comparison) else "wrong",
        str(words),
        words,
        comparison.images,
        comparison.agreement,
        comparison.here,
        "\n".join(f"{one.name}: {one.sqnr_db:.1f} dB" for one in comparison.differences),
    )


def _words(comparison: ArmComparison, in_float32: ArmComparison | None) -> Text:
    if is_right(comparison):
        return comparison.verdict
    verdict = comparison.verdict
    if comparison.here is not None:
        verdict = say("{verdict} On this computer: {same}.", verdict=verdict, same=found(comparison.here))
    if in_float32 is not None and is_right(in_float32):
        return say(
            "{verdict} ncnn computes in 16 bit there, which this model does not bear. It is right with "
            "opt.use_fp16_arithmetic, opt.use_fp16_storage and opt.use_fp16_packed set to false in your program.",
            verdict=verdict,
        )
    return verdict

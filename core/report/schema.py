"""The result of a job as plain data: what ``--json`` prints, what ``report.json`` holds, and what the pages read.

Sentences stand here twice: in English for other programs, and under ``words`` with their parts, from which the pages
say them in the reader's language.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from typing_extensions import assert_never

from core.common.errors import InputError
from core.common.serialization import from_data
from core.common.text import Text, say
from core.evaluation.evaluate import Evaluation
from core.inputs.images import Split
from core.job.comparison import Accuracy, Comparison, Latency, OutputDifference
from core.job.job import Job
from core.job.outcome import Converted, Failed, Outcome, Refused
from core.job.preflight_result import PreflightResult, PreflightStatus
from core.job.target_id import TargetId
from core.onnx_model.source import Source, TensorInfo
from core.preprocessing import Preprocessing
from core.tasks.base import TaskName

OutcomeStatus: TypeAlias = Literal["converted", "refused", "failed"]


@dataclass(frozen=True)
class Words:
    """The sentences of an entry with their parts."""

    reason: Text | None = None
    next_step: Text | None = None
    notes: tuple[Text, ...] = ()


@dataclass(frozen=True)
class JobWords:
    """The sentences that concern the whole job, with their parts."""

    notes: tuple[Text, ...]


@dataclass(frozen=True)
class SourceEntry:
    """What was measured of the source."""

    path: Path
    size_bytes: int
    opset: int
    parameters: int
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    operators: Mapping[str, int]
    top1: float | None
    """Share of right answers, 0 to 1, where labels are known."""

    top5: float | None
    latency_ms: Latency | None


@dataclass(frozen=True)
class SkippedFile:
    """A sample that could not be read."""

    file: str
    why: str


@dataclass(frozen=True)
class ImagesEntry:
    """How many samples served for what."""

    calibration: int
    test: int
    skipped: tuple[SkippedFile, ...]
    duplicates: int


@dataclass(frozen=True)
class OutputEntry:
    """One output of a file, against the source's; infinite decibels (no difference at all) are None."""

    name: str
    cosine: float
    sqnr_db: float | None
    largest: float
    scores: OutputEntry | None = None
    """Of its columns between 0 and 1 alone, where coordinates would drown them."""


@dataclass(frozen=True)
class ComparisonEntry:
    """The figures of one file, against the source."""

    images: int
    cosine: float
    sqnr_db: float | None
    agreement: float | None
    top1: float | None
    top5: float | None
    outputs: tuple[OutputEntry, ...]
    latency_ms: Latency | None


@dataclass(frozen=True)
class OutcomeEntry:
    """What became of one target; every entry has the same keys."""

    target: TargetId
    status: OutcomeStatus
    reason: str | None
    next_step: str | None
    detail: str
    files: tuple[Path, ...]
    size_bytes: int | None
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    notes: tuple[str, ...]
    seconds: float
    comparison: ComparisonEntry | None
    words: Words

    def speed_up(self, source: SourceEntry) -> float | None:
        """How many times as fast as the source it is, with one thread."""
        own = None if self.comparison is None else self.comparison.latency_ms
        if own is None or source.latency_ms is None or not own.median_one_thread:
            return None
        return source.latency_ms.median_one_thread / own.median_one_thread

    def size_share(self, source: SourceEntry) -> float | None:
        """Its size as a share of the source's."""
        return None if self.size_bytes is None or not source.size_bytes else self.size_bytes / source.size_bytes


@dataclass(frozen=True)
class PreflightEntry:
    """What was known of one target before anything ran."""

    target: TargetId
    status: PreflightStatus
    reason: str | None
    next_step: str | None
    notes: tuple[str, ...]
    size_bytes: int | None
    seconds: float | None
    memory_bytes: float | None
    words: Words


@dataclass(frozen=True)
class Report:
    """Everything that is known at the end of a job."""

    source: SourceEntry
    preprocessing: Preprocessing
    task: TaskName
    classes: tuple[str, ...]
    images: ImagesEntry
    notes: tuple[str, ...]
    words: JobWords
    preflight: tuple[PreflightEntry, ...]
    outcomes: tuple[OutcomeEntry, ...]

    @property
    def converted(self) -> tuple[OutcomeEntry, ...]:
        """The outcomes that are files."""
        return tuple(outcome for outcome in self.outcomes if outcome.status == "converted")


def read_report(data: Any) -> Report:
    """Read a report, of this version or an earlier one.

    Raises:
        InputError: it is damaged, or something else.
    """
    try:
        return from_data(Report, data)
    except ValueError as exc:
        raise InputError(
            say("The report of this job is damaged."),
            next_step=say("Start the conversion again; files that were made before are untouched."),
            detail=repr(exc),
        ) from exc


def make_report(
    job: Job,
    source: Source,
    *,
    task: TaskName,
    split: Split,
    skipped: Mapping[Path, str],
    evaluation: Evaluation,
    outcomes: tuple[Outcome, ...],
    notes: tuple[Text, ...],
    preflight: tuple[PreflightResult, ...],
) -> Report:
    """Write down a job.

    Args:
        job: what was asked.
        source: the model.
        task: what it is for.
        split: the samples.
        skipped: samples that could not be read, and why.
        evaluation: what was measured.
        outcomes: what became of each target.
        notes: what concerns the whole job.
        preflight: what was known of each target before anything ran.
    """
    return Report(
        source=_source_entry(source, evaluation),
        preprocessing=job.preprocessing,
        task=task,
        classes=source.class_names,
        images=ImagesEntry(
            calibration=len(split.calibration),
            test=len(split.test),
            skipped=tuple(SkippedFile(str(file), why) for file, why in skipped.items()),
            duplicates=split.duplicates,
        ),
        notes=tuple(map(str, notes)),
        words=JobWords(notes),
        preflight=tuple(map(_preflight_entry, preflight)),
        outcomes=tuple(map(outcome_entry, outcomes)),
    )


def _source_entry(source: Source, evaluation: Evaluation) -> SourceEntry:
    top1, top5 = _accuracy(evaluation.source.accuracy)
    return SourceEntry(
        path=source.path,
        size_bytes=source.size_bytes,
        opset=source.opset,
        parameters=source.parameters,
        inputs=source.inputs,
        outputs=source.outputs,
        operators=source.operators,
        top1=top1,
        top5=top5,
        latency_ms=evaluation.source_latency,
    )


def _preflight_entry(result: PreflightResult) -> PreflightEntry:
    return PreflightEntry(
        target=result.target,
        status=result.status,
        reason=None if result.reason is None else str(result.reason),
        next_step=None if result.next_step is None else str(result.next_step),
        notes=tuple(map(str, result.notes)),
        size_bytes=result.size_bytes,
        seconds=result.seconds,
        memory_bytes=result.memory_bytes,
        words=Words(result.reason, result.next_step, result.notes),
    )


def outcome_entry(outcome: Outcome) -> OutcomeEntry:
    """One target's entry."""
    match outcome:
        case Converted():
            return _converted(outcome)
        case Refused():
            return _not_made(outcome, "refused")
        case Failed():
            return _not_made(outcome, "failed", detail=outcome.detail, seconds=outcome.seconds)
        case _:
            assert_never(outcome)


def _converted(outcome: Converted) -> OutcomeEntry:
    artifact = outcome.artifact
    return OutcomeEntry(
        target=artifact.target,
        status="converted",
        reason=None,
        next_step=None,
        detail="",
        files=artifact.files,
        size_bytes=artifact.size_bytes,
        inputs=artifact.inputs,
        outputs=artifact.outputs,
        notes=tuple(map(str, artifact.notes)),
        seconds=round(outcome.seconds, 3),
        comparison=_comparison_entry(outcome.comparison),
        words=Words(notes=artifact.notes),
    )


def _not_made(
    outcome: Refused | Failed, status: OutcomeStatus, *, detail: str = "", seconds: float = 0.0
) -> OutcomeEntry:
    return OutcomeEntry(
        target=outcome.target,
        status=status,
        reason=str(outcome.reason),
        next_step=str(outcome.next_step),
        detail=detail,
        files=(),
        size_bytes=None,
        inputs={},
        outputs={},
        notes=(),
        seconds=round(seconds, 3),
        comparison=None,
        words=Words(outcome.reason, outcome.next_step),
    )


def _comparison_entry(comparison: Comparison) -> ComparisonEntry:
    top1, top5 = _accuracy(comparison.accuracy)
    return ComparisonEntry(
        images=comparison.images,
        cosine=comparison.cosine,
        sqnr_db=_finite(comparison.sqnr_db),
        agreement=comparison.agreement,
        top1=top1,
        top5=top5,
        outputs=tuple(map(_output_entry, comparison.outputs)),
        latency_ms=comparison.latency,
    )


def _output_entry(output: OutputDifference) -> OutputEntry:
    scores = None if output.scores is None else _output_entry(output.scores)
    return OutputEntry(output.name, output.cosine, _finite(output.sqnr_db), output.largest, scores)


def _accuracy(accuracy: Accuracy | None) -> tuple[float | None, float | None]:
    return (None, None) if accuracy is None else (accuracy.top1, accuracy.top5)


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None

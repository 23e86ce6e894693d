"""Build the report of a finished job."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from typing_extensions import assert_never

from core.common.text import Text
from core.evaluation.evaluate import Evaluation
from core.evaluation.latency import available_threads
from core.inputs.images import Split
from core.job.comparison import Comparison, LayerDifference, OutputDifference
from core.job.job import Job
from core.job.outcome import Converted, Failed, Outcome, Refused, Variant
from core.job.preflight_result import PreflightResult
from core.onnx_model.source import Source
from core.report.environment import this_environment
from core.report.schema import (
    ComparisonEntry,
    ImagesEntry,
    JobTexts,
    LayerEntry,
    OutcomeEntry,
    OutcomeStatus,
    OutputEntry,
    PreflightEntry,
    Report,
    SkippedFile,
    SourceEntry,
    TaskEntry,
    Texts,
    VariantEntry,
)
from core.tasks.base import AnyTask, Budget


def make_report(
    job: Job,
    source: Source,
    *,
    task: AnyTask,
    split: Split,
    skipped: Mapping[Path, str],
    evaluation: Evaluation,
    outcomes: tuple[Outcome, ...],
    notes: tuple[Text, ...],
    preflight: tuple[PreflightResult, ...],
) -> Report:
    """Build the report of a job.

    Args:
        job: what was asked.
        source: the model.
        task: of the model.
        split: the calibration and test samples.
        skipped: samples that could not be read, and why.
        evaluation: what was measured.
        outcomes: what became of each target.
        notes: what concerns the whole job.
        preflight: what pre-flight found about each target.
    """
    return Report(
        source=_source_entry(source, evaluation),
        preprocessing=job.preprocessing,
        task=_task_entry(task, evaluation.budget, split),
        images=ImagesEntry(
            calibration=split.calibration_count,
            test=evaluation.images if split.crop is not None else len(split.test),
            skipped=tuple(SkippedFile(str(file), why) for file, why in skipped.items()),
            duplicates=split.duplicates,
        ),
        notes=tuple(map(str, notes)),
        words=JobTexts(notes),
        preflight=tuple(map(_preflight_entry, preflight)),
        outcomes=tuple(map(outcome_entry, outcomes)),
        environment=this_environment(available_threads()),
        links=evaluation.links,
    )


def _source_entry(source: Source, evaluation: Evaluation) -> SourceEntry:
    return SourceEntry(
        path=source.path,
        size_bytes=source.size_bytes,
        opset=source.opset,
        parameters=source.parameters,
        inputs=source.inputs,
        outputs=source.outputs,
        operators=source.operators,
        latency_ms=evaluation.source_latency,
        truth=evaluation.source,
    )


def _task_entry(task: AnyTask, budget: Budget, split: Split) -> TaskEntry:
    return TaskEntry(
        name=task.name,
        reason=str(task.reason),
        words=task.reason,
        options=task.options,
        budget=budget,
        class_names=task.class_names,
        labels=None if split.labels is None else str(split.labels.description),
        labels_words=None if split.labels is None else split.labels.description,
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
        words=Texts(result.reason, result.next_step, result.notes),
    )


def outcome_entry(outcome: Outcome) -> OutcomeEntry:
    """The entry of one target."""
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
        size_bytes=outcome.size_bytes,
        inputs=artifact.inputs,
        outputs=artifact.outputs,
        notes=tuple(map(str, artifact.notes)),
        seconds=round(outcome.seconds, 3),
        comparison=_comparison_entry(outcome.comparison),
        words=Texts(notes=artifact.notes),
        cut=artifact.cut,
        integer_inputs=artifact.integer_inputs,
        variants=tuple(map(_variant_entry, outcome.variants)),
    )


def _variant_entry(variant: Variant) -> VariantEntry:
    artifact = variant.artifact
    return VariantEntry(
        number=variant.number,
        files=artifact.files,
        size_bytes=variant.size_bytes,
        comparison=_comparison_entry(variant.comparison),
        notes=tuple(map(str, artifact.notes)),
        words=Texts(notes=artifact.notes),
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
        words=Texts(outcome.reason, outcome.next_step),
    )


def _comparison_entry(comparison: Comparison) -> ComparisonEntry:
    return ComparisonEntry(
        images=comparison.images,
        cosine=comparison.cosine,
        sqnr_db=_finite(comparison.sqnr_db),
        outputs=tuple(map(_output_entry, comparison.outputs)),
        latency_ms=comparison.latency,
        light=comparison.light,
        verdict=str(comparison.verdict),
        words=comparison.verdict,
        agreement=comparison.agreement,
        truth=comparison.truth,
        layers=tuple(map(_layer_entry, comparison.layers)),
    )


def _output_entry(output: OutputDifference) -> OutputEntry:
    scores = None if output.scores is None else _output_entry(output.scores)
    return OutputEntry(output.name, output.cosine, _finite(output.sqnr_db), output.largest, scores)


def _layer_entry(layer: LayerDifference) -> LayerEntry:
    sqnr = _finite(layer.sqnr_db)
    return LayerEntry(layer.name, layer.operator, layer.precision, sqnr, layer.cosine, layer.weights, layer.share)


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None

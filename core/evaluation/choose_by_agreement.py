"""Choose between the files of a target by the answers that they keep, on calibration samples that shaped no weight.

The noise of tensors ranks precisions well, but how many answers it costs differs from model to model. Test samples must
not choose between files, or their figures would be too good.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from core.common.errors import EdgePressError, OptionError
from core.common.percent import percent
from core.common.progress import Progress
from core.common.text import say
from core.common.unexpected_errors import as_conversion_error
from core.conversion.context import ConversionContext
from core.evaluation.evaluate import UnverifiedArtifact
from core.evaluation.paired_comparison import Candidate, Metrics, SampleResult, run_paired
from core.inputs.samples import Sample
from core.isolation.predictor import IsolatedPredictor
from core.job.comparison import Agreement
from core.job.crashes import AtTarget
from core.job.target_id import FileId
from core.onnx_model.cost import cost_of
from core.runtimes.source import open_source
from core.tasks.base import AnyTask

_FEWEST, _MOST = 30, 80
"""Samples: on fewer than that, a single answer is several percent."""

_MACS = 60e9
"""Multiply-accumulates of the source on all of them together, about: some seconds a file. That is a figure of the
model, not of the clock, so that a job chooses alike on a busy computer."""

_MOST_BYTES = 0.4
"""Share of the source's size up to which a larger file is taken for its answers; beyond, the person decides."""

_LEAST_GAIN = 0.003
"""Share of the answers that a larger file must keep more."""


def choose_by_agreement(
    artifacts: Sequence[UnverifiedArtifact],
    context: ConversionContext,
    *,
    task: AnyTask,
    progress: Progress,
    at_target: AtTarget,
) -> list[UnverifiedArtifact]:
    """Put a larger file of the same target in the place of one that keeps too few answers, where it keeps more.

    Args:
        artifacts: the new files, with those that may take their place.
        context: the source and the calibration samples.
        task: decodes outputs to predictions.
        progress: called at every sample.
        at_target: entered for each run of a file.

    Returns:
        All of them; those that changed places are their own variants now.
    """
    candidates = {one.id: one for each in artifacts for one in _in_question(each, context)}
    measured = _agreements(candidates, context, task, progress, at_target) if candidates else {}
    keeps = context.budget_of(task).keeps
    return [_best(one, measured, keeps) for one in artifacts]


def _in_question(made: UnverifiedArtifact, context: ConversionContext) -> list[UnverifiedArtifact]:
    """A file, and its variants that are larger; nothing where there are none."""
    size, most = made.artifact.size_bytes, _MOST_BYTES * context.source.size_bytes
    larger = [one for one in made.variants if size < one.artifact.size_bytes <= most]
    return [made, *larger] if larger else []


def _agreements(
    files: Mapping[FileId, UnverifiedArtifact],
    context: ConversionContext,
    task: AnyTask,
    progress: Progress,
    at_target: AtTarget,
) -> dict[FileId, Agreement]:
    """How far each file that runs keeps the source's answers; nothing where there are too few samples to tell."""
    macs = cost_of(context.source.path, context.preprocessing.size).macs
    numbers = context.spare_numbers(max(_FEWEST, min(_MOST, int(_MACS / max(1, macs)))))
    if len(numbers) < _FEWEST:
        return {}
    candidates = {file: _open(one, context, task) for file, one in files.items()}
    source = open_source(context.source.path, threads=1)
    try:
        run_paired(
            _counted(context, numbers, progress),
            source=source,
            metrics=Metrics.empty(task, context.expected),
            candidates=candidates,
            task=task,
            on_sample=_ignore,
            at_target=at_target,
        )
    except OptionError:
        return {}  # the task decodes none of them
    finally:
        source.close()
        for candidate in candidates.values():
            _close(candidate)
    found = {file: one.metrics.agreement.compute() for file, one in candidates.items() if one.error is None}
    return {file: agreement for file, agreement in found.items() if agreement is not None}


def _open(one: UnverifiedArtifact, context: ConversionContext, task: AnyTask) -> Candidate:
    """In the helper process: none of these files has run yet."""
    metrics = Metrics.empty(task, context.expected)
    try:
        predictor = IsolatedPredictor(one.target.open, one.artifact, context.expected, threads=1)
        predictor.release_memory_after_runs()
        return Candidate(predictor, metrics)
    except EdgePressError as exc:
        return Candidate(None, metrics, as_conversion_error(exc))


def _close(candidate: Candidate) -> None:
    """Release its memory in the helper process, which may have crashed in it."""
    with suppress(EdgePressError):
        if candidate.predictor is not None:
            candidate.predictor.close()


def _counted(context: ConversionContext, numbers: Collection[int], progress: Progress) -> Iterator[Sample]:
    for done, sample in enumerate(context.calibration_samples(numbers)):
        progress(done / len(numbers), say("Counting the answers that each file keeps"))
        yield sample


def _ignore(_: SampleResult) -> None:
    """Nothing is shown of these samples."""


def _best(made: UnverifiedArtifact, measured: Mapping[FileId, Agreement], keeps: float) -> UnverifiedArtifact:
    before = measured.get(made.id)
    if before is None or before.value >= keeps:
        return made
    larger = [one for one in made.variants if one.id in measured]
    best = max(larger, key=lambda one: measured[one.id].value, default=made)
    if measured[best.id].value < before.value + _LEAST_GAIN:
        return made
    note = say(
        "A larger file was taken, which keeps {more} of the answers on {count} examples that shaped neither: the first "
        "one keeps {fewer}.",
        more=percent(measured[best.id].value),
        fewer=percent(before.value),
        count=before.samples,
    )
    others = (replace(made.artifact, variants=()), *(one.artifact for one in made.variants if one.id != best.id))
    artifact = replace(best.artifact, notes=(*best.artifact.notes, note), variants=others)
    return replace(made, artifact=replace(artifact, sensitivity=made.artifact.sensitivity))

"""Evaluate the new files against the source: outputs first, then latency, then the verification of each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

from core.common.errors import ConversionError
from core.common.memory import release_freed_memory
from core.common.progress import Progress, portion
from core.common.text import Text, say
from core.common.unexpected_errors import as_conversion_error
from core.conversion.context import ConversionContext
from core.evaluation.first_run import try_first_run
from core.evaluation.graph_links import graph_links
from core.evaluation.latency import measure_latency
from core.evaluation.layer_errors import measure_layers
from core.evaluation.paired_comparison import Candidate, Metrics, SampleResult, run_paired
from core.evaluation.speed_notes import speed_notes
from core.evaluation.verdict import failure, judge
from core.inputs.samples import Sample
from core.isolation.predictor import end_helper
from core.job.comparison import Comparison, Latency, LayerDifference, TruthFigure
from core.job.crashes import AtTarget
from core.job.graph_links import GraphLinks
from core.job.outcome import Artifact
from core.job.target_id import FileId, file_id
from core.metrics.similarity import least_cosine_through
from core.onnx_model.boundary import SELECTING
from core.onnx_model.cost import cost_of
from core.onnx_model.source import Source
from core.runtimes.on_demand import OnDemandPredictor
from core.runtimes.source import open_source
from core.targets.base import Target
from core.targets.ncnn_target import NCNN
from core.tasks.base import AnyTask, Budget, TruthMetric

_COMPARED, _LAYERS = 0.7, 0.8
"""Shares of the progress bar when the outputs are compared, and when the layers are; the rest is for the latency."""

_OTHERS_SECONDS = 10.0
"""Time for the layers of all files that may take the place of the chosen ones."""

_LOADED_BYTES, _LOADED_SHARE = 400_000_000, 2.5
"""Memory for files that are loaded at the same time, and what one of them takes, as a share of the 32-bit source."""

_RUNNING_ACTIVATIONS = 150_000_000
"""Values in all tensors of the files that run at the same time; few of the tensors exist at once."""

_SAMPLES_BETWEEN_RELEASES = 8
"""Samples after which memory that was freed goes back to the system; after each one of the first, too."""


@dataclass(frozen=True)
class UnverifiedArtifact:
    """A file in the work folder that has not been evaluated yet."""

    target: Target
    artifact: Artifact
    seconds: float = 0.0
    """Time it took to make."""

    number: int = 0
    """As in :func:`core.job.target_id.file_id`."""

    @property
    def id(self) -> FileId:
        """By which its measurements are found."""
        return file_id(self.target.id, self.number)

    @property
    def variants(self) -> tuple[UnverifiedArtifact, ...]:
        """The files that may take its place."""
        return tuple(
            UnverifiedArtifact(self.target, artifact, number=number)
            for number, artifact in enumerate(self.artifact.variants, start=1)
        )


@dataclass(frozen=True)
class Evaluation:
    """All measurements of one job."""

    source: tuple[TruthFigure, ...]
    """The source against the labels."""

    source_latency: Latency
    candidates: Mapping[FileId, Candidate]
    source_truth: TruthMetric[Any] | None
    latencies: Mapping[FileId, Latency]
    layers: Mapping[FileId, tuple[LayerDifference, ...]]

    task: AnyTask
    budget: Budget
    """How much of the source's answers must stay."""

    images: int
    """Test samples used; 0 where synthetic samples took their place."""

    read: frozenset[str] = frozenset()
    """Outputs that the task decodes and whose numbers can be compared by their places."""

    notes: tuple[Text, ...] = ()
    """What is to be said of the test samples, whatever was made."""

    normalized_cosine: float = 1.0
    """Of the normalised source with the source, where that was dequantised: no file made of it can be closer."""

    links: GraphLinks | None = None
    """By which layers of the source are found in the graphs of the files; None where that is not known."""

    def verify(self, target: Target, number: int = 0) -> tuple[Comparison, tuple[Text, ...]]:
        """The measurements of one file, with warnings about them.

        Args:
            target: of the file.
            number: as in :func:`core.job.target_id.file_id`.

        Raises:
            ConversionError: the file does not load, does not run, or differs too much from the source.
        """
        file = file_id(target.id, number)
        candidate = self.candidates[file]
        least = least_cosine_through(self.normalized_cosine, target.least_cosine)
        if candidate.error is not None:
            raise candidate.error
        metrics, outputs = candidate.metrics, candidate.metrics.similarity.compute()
        agreement = metrics.agreement.compute()
        light, verdict = judge(
            agreement,
            outputs,
            budget=self.budget,
            least_cosine=least,
            read=self.read,
            measured=self.images > 0,
            decodes=self.task.name != "tensors",
        )
        if light == "failed":
            raise failure(verdict, outputs)
        comparison = Comparison(
            images=self.images,
            outputs=outputs,
            agreement=agreement,
            truth=() if metrics.truth is None else metrics.truth.compute(self.source_truth),
            latency=self.latencies.get(file),
            layers=self.layers.get(file, ()),
            light=light,
            verdict=verdict,
        )
        speed = speed_notes(target.id, comparison.latency, source=self.source_latency, ncnn=self.latencies.get("ncnn"))
        return comparison, (*_warnings(comparison, least), *speed)


def evaluate(
    artifacts: Sequence[UnverifiedArtifact],
    context: ConversionContext,
    *,
    task: AnyTask,
    on_sample: Callable[[SampleResult], None],
    progress: Progress,
    at_target: AtTarget = nullcontext,
    one_at_a_time: bool = False,
) -> Evaluation:
    """Run the source and all new files on every test sample, then measure the latency of each.

    Args:
        artifacts: the new files, with those that may take their place.
        context: the source and the test samples.
        task: decodes outputs to predictions.
        on_sample: called with all predictions for each sample.
        progress: called at every sample.
        at_target: entered where a single file is loaded or run.
        one_at_a_time: whether no two files run at the same time, so that ``at_target`` is entered for every run.
    """
    progress(0.0, say("Loading the new files"))
    files = [file for one in artifacts for file in (one, *one.variants)]
    errors = {one.id: _try_first_run(one, context, at_target) for one in files}
    end_helper()
    release_freed_memory(context.source.size_bytes)
    # One thread for each model: they run side by side, and results cannot depend on the number of cores.
    source = open_source(context.source.path, threads=1)
    source.release_memory_after_runs()
    at_once = _loaded_at_once(context, len(files))
    on_demand = at_once is not None
    candidates = {one.id: _candidate(one, context, task, errors[one.id], at_target, on_demand) for one in files}
    metrics = Metrics.empty(task, context.expected)
    samples = _counted(context, portion(progress, 0.0, _COMPARED))
    count = run_paired(
        samples,
        source=source,
        metrics=metrics,
        candidates=candidates,
        task=task,
        on_sample=on_sample,
        at_target=at_target if one_at_a_time else None,
        at_once=at_once,
        side_by_side=_side_by_side(context),
    )
    for predictor in (source, *(candidate.predictor for candidate in candidates.values())):
        if predictor is not None:
            predictor.close()
    release_freed_memory(context.source.size_bytes)

    remaining = [one for one in files if candidates[one.id].error is None]
    progress(_COMPARED, say("Comparing layer by layer"))
    layers = {} if one_at_a_time else _measure_all_layers(remaining, context)
    has_ncnn = any(one.target.format == NCNN for one in remaining)
    links = None if one_at_a_time else graph_links(context, has_ncnn=has_ncnn)
    release_freed_memory(context.source.size_bytes)
    latencies = _measure_latencies(remaining, candidates, context, at_target, portion(progress, _LAYERS, 1.0))
    return Evaluation(
        source=() if metrics.truth is None else metrics.truth.compute(),
        source_latency=measure_latency(partial(open_source, context.source.path), context.example.feeds),
        candidates=candidates,
        source_truth=metrics.truth,
        latencies=latencies,
        layers=layers,
        task=task,
        budget=context.budget_of(task),
        images=count if context.has_test_samples else 0,
        read=comparable_outputs(metrics, context.source),
        notes=tuple(_notes_on_samples(metrics)) if context.has_test_samples else (),
        normalized_cosine=context.normalized.cosine if artifacts else 1.0,
        links=links,
    )


def comparable_outputs(metrics: Metrics, source: Source) -> frozenset[str]:
    """The outputs that the task has decoded; none where the source picks by value, since rows may change places."""
    return frozenset() if SELECTING & set(source.operators) else frozenset(metrics.read)


def _notes_on_samples(metrics: Metrics) -> Iterator[Text]:
    if metrics.inputs.is_low:
        yield say(
            "The test examples are all nearly the same, so the comparison says little: choose examples that differ."
        )
    elif metrics.outputs.is_low:
        yield say(
            "The original gives nearly the same outputs for every test example, so the comparison says little: check "
            "that size, mean and std fit the model, and choose examples that differ."
        )


def _try_first_run(one: UnverifiedArtifact, context: ConversionContext, at_target: AtTarget) -> ConversionError | None:
    try:
        with at_target(one.target.id):
            try_first_run(one.target, one.artifact, context.example.feeds, context.expected)
    except Exception as exc:  # noqa: BLE001 - one file that cannot be loaded or run must not cost the others
        return as_conversion_error(exc)
    return None


def _loaded_at_once(context: ConversionContext, count: int) -> int | None:
    """How many files are loaded at the same time, most of which compute in 32 bit; None for all of them."""
    most = max(1, int(_LOADED_BYTES / (_LOADED_SHARE * context.normalized.model.size_bytes)))
    return None if count <= most else most


def _side_by_side(context: ConversionContext) -> int:
    """How many files run at the same time: their tensors take memory only meanwhile."""
    activations = cost_of(context.source.path, context.preprocessing.size).activations
    return max(1, min(os.cpu_count() or 1, _RUNNING_ACTIVATIONS // max(1, activations)))


def _candidate(
    one: UnverifiedArtifact,
    context: ConversionContext,
    task: AnyTask,
    error: ConversionError | None,
    at_target: AtTarget,
    on_demand: bool,
) -> Candidate:
    metrics = Metrics.empty(task, context.expected)
    if error is not None:
        return Candidate(None, metrics, error)
    load = partial(one.target.open, one.artifact, context.expected, threads=1)
    try:
        with at_target(one.target.id):
            predictor = OnDemandPredictor(load) if on_demand else load()
            predictor.release_memory_after_runs()
            return Candidate(predictor, metrics)
    except Exception as exc:  # noqa: BLE001 - likewise
        return Candidate(None, metrics, error=as_conversion_error(exc))


def _counted(context: ConversionContext, progress: Progress) -> Iterator[Sample]:
    """The test samples, each told before it is used."""
    count = context.test_sample_count
    for index, sample in enumerate(context.test_samples()):
        progress(index / count, say("Comparing with the original: picture {done} of {all}", done=index + 1, all=count))
        if index < _SAMPLES_BETWEEN_RELEASES or index % _SAMPLES_BETWEEN_RELEASES == 0:
            release_freed_memory()
        yield sample


def _measure_all_layers(
    files: Sequence[UnverifiedArtifact], context: ConversionContext
) -> dict[FileId, tuple[LayerDifference, ...]]:
    """Of the chosen files first: those that may take their places must not cost them the time for their last layers."""
    chosen = {one.id: (one.target, one.artifact) for one in files if not one.number}
    others = {one.id: (one.target, one.artifact) for one in files if one.number}
    return {
        **measure_layers(chosen, context),
        **(measure_layers(others, context, seconds=_OTHERS_SECONDS) if others else {}),
    }


def _measure_latencies(
    artifacts: Sequence[UnverifiedArtifact],
    candidates: Mapping[FileId, Candidate],
    context: ConversionContext,
    at_target: AtTarget,
    progress: Progress,
) -> dict[FileId, Latency]:
    """The latency of each file; one that does not run with all threads gets an error."""
    latencies = {}
    for index, one in enumerate(artifacts):
        progress(index / len(artifacts), say("Measuring the speed on this computer"))
        try:
            open_predictor = partial(one.target.open, one.artifact, context.expected)
            with at_target(one.target.id):
                latencies[one.id] = measure_latency(open_predictor, context.example.feeds)
        except Exception as exc:  # noqa: BLE001 - likewise
            candidates[one.id].error = as_conversion_error(exc)
    return latencies


def _warnings(comparison: Comparison, least_cosine: float) -> Iterator[Text]:
    if comparison.agreement is None and comparison.cosine < least_cosine:
        yield say(
            "On these inputs the outputs of the original are nearly zero, so the comparison says little: "
            "choose pictures that show what the model looks for."
        )
    if not comparison.images:
        yield say("It was checked on random inputs only, since there were no test pictures.")

"""Evaluate the new files against the source: outputs first, then latency, then the verification of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from core.common.errors import VerificationError
from core.common.progress import Progress, portion
from core.common.text import Text, say
from core.common.unexpected_errors import as_conversion_error
from core.conversion.context import ConversionContext
from core.evaluation.latency import measure_latency
from core.evaluation.paired_comparison import Candidate, SampleResult, run_paired
from core.inputs.samples import Sample
from core.inputs.synthetic import SYNTHETIC_SAMPLES
from core.job.comparison import Comparison, Latency, OutputDifference
from core.job.outcome import Artifact
from core.job.target_id import TargetId
from core.metrics.classification import ClassificationMetrics
from core.metrics.similarity import ModelSimilarity
from core.runtimes.onnx import OnnxPredictor
from core.targets.base import Target
from core.tasks.base import Task

_COMPARED = 0.7
"""Share of the progress bar for the comparison of outputs; the rest is for measuring latency."""

_WARNED_AGREEMENT = 0.9
"""Top-1 agreement below which a classifier gets a warning."""


@dataclass(frozen=True)
class UnverifiedArtifact:
    """A file in the work folder that has not been evaluated yet."""

    target: Target
    artifact: Artifact
    seconds: float
    """Time it took to make."""


@dataclass(frozen=True)
class Evaluation:
    """All measurements of one job."""

    source: ClassificationMetrics
    source_latency: Latency
    candidates: Mapping[TargetId, Candidate]
    latencies: Mapping[TargetId, Latency]
    images: int
    """Test samples used; 0 where synthetic samples took their place."""

    def verify(self, target: Target) -> tuple[Comparison, tuple[Text, ...]]:
        """The measurements of one file, with warnings about them.

        Raises:
            ConversionError: the file does not load, does not run, or differs too much from the source.
        """
        candidate = self.candidates[target.id]
        if candidate.error is not None:
            raise candidate.error
        comparison = Comparison(
            images=self.images,
            outputs=candidate.similarity.compute(),
            agreement=candidate.classification.agreement,
            accuracy=candidate.classification.accuracy,
            latency=self.latencies.get(target.id),
        )
        failing = [output for output in comparison.outputs if not output.is_within(target.least_cosine)]
        if failing:
            raise _too_different(failing, target.least_cosine)
        return comparison, tuple(_warnings(comparison, target.least_cosine))


def evaluate(
    artifacts: Sequence[UnverifiedArtifact],
    context: ConversionContext,
    *,
    task: Task,
    on_sample: Callable[[SampleResult], None],
    progress: Progress,
) -> Evaluation:
    """Run the source and all new files on every test sample, then measure the latency of each.

    Args:
        artifacts: the new files.
        context: the source and the test samples.
        task: decodes outputs to predictions.
        on_sample: called with all predictions for each sample.
        progress: called at every sample.
    """
    progress(0.0, say("Loading the new files"))
    # One thread for each model: they run side by side, and results cannot depend on the number of cores.
    source = OnnxPredictor(context.source.path, threads=1)
    candidates = {one.target.id: _candidate(one, context) for one in artifacts}
    samples = _with_truth(context, task, portion(progress, 0.0, _COMPARED))
    metrics = run_paired(samples, source=source, candidates=candidates, task=task, on_sample=on_sample)
    for predictor in (source, *(candidate.predictor for candidate in candidates.values())):
        if predictor is not None:
            predictor.close()

    remaining = [one for one in artifacts if candidates[one.target.id].error is None]
    latencies = _measure_latencies(remaining, candidates, context, portion(progress, _COMPARED, 1.0))
    source_latency = measure_latency(partial(OnnxPredictor, context.source.path), context.example.feeds)
    images = metrics.samples if context.has_test_samples else 0
    return Evaluation(metrics, source_latency, candidates, latencies, images)


def _candidate(one: UnverifiedArtifact, context: ConversionContext) -> Candidate:
    similarity = ModelSimilarity(tuple(context.expected))
    try:
        return Candidate(one.target.open(one.artifact, context.expected, threads=1), similarity)
    except Exception as exc:  # noqa: BLE001 - one file that cannot be loaded must not cost the others
        return Candidate(None, similarity, error=as_conversion_error(exc))


def _with_truth(context: ConversionContext, task: Task, progress: Progress) -> Iterator[tuple[Sample, int | None]]:
    """The test samples with the index of their true class, where a label is known."""
    count = len(context.split.test) if context.has_test_samples else SYNTHETIC_SAMPLES
    for index, sample in enumerate(context.test_samples()):
        progress(index / count, say("Comparing with the original: picture {done} of {all}", done=index + 1, all=count))
        label = context.split.labels.get(sample.file) if sample.file else None
        yield sample, None if label is None else task.class_index(label)


def _measure_latencies(
    artifacts: Sequence[UnverifiedArtifact],
    candidates: Mapping[TargetId, Candidate],
    context: ConversionContext,
    progress: Progress,
) -> dict[TargetId, Latency]:
    """The latency of each file; one that does not run with all threads gets an error."""
    latencies = {}
    for index, one in enumerate(artifacts):
        progress(index / len(artifacts), say("Measuring the speed on this computer"))
        try:
            open_predictor = partial(one.target.open, one.artifact, context.expected)
            latencies[one.target.id] = measure_latency(open_predictor, context.example.feeds)
        except Exception as exc:  # noqa: BLE001 - likewise
            candidates[one.target.id].error = as_conversion_error(exc)
    return latencies


def _too_different(failing: Sequence[OutputDifference], least_cosine: float) -> VerificationError:
    return VerificationError(
        say(
            "The result differs too much from the original: "
            "its similarity is {cosine} of 1, and at least {least} is needed.",
            cosine=f"{min(output.worst.cosine for output in failing):.3f}",
            least=least_cosine,
        ),
        next_step=say(
            "Use a target that keeps more bits, such as 16 bit; check that size, mean and std fit the model."
        ),
        detail="\n".join(f"{output.name}: {output.worst.cosine:.5f}, {output.worst.largest:.3g}" for output in failing),
    )


def _warnings(comparison: Comparison, least_cosine: float) -> Iterator[Text]:
    if comparison.agreement is not None and comparison.agreement < _WARNED_AGREEMENT:
        yield say(
            "It gives the original's answer to only {percent}% of the pictures: look at the gallery before you use it.",
            percent=round(100 * comparison.agreement),
        )
    if comparison.cosine < least_cosine:
        yield say(
            "On these inputs the outputs of the original are nearly zero, so the comparison says little: "
            "choose pictures that show what the model looks for."
        )
    if not comparison.images:
        yield say("It was checked on random inputs only, since there were no test pictures.")

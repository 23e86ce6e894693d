"""Paired comparison: the source and every candidate on the same test samples, each sample prepared once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from core.common.errors import ConversionError, VerificationError
from core.common.text import say
from core.common.unexpected_errors import as_conversion_error
from core.inputs.samples import Sample
from core.job.target_id import TargetId
from core.metrics.classification import ClassificationMetrics
from core.metrics.similarity import ModelSimilarity
from core.runtimes.predictor import Predictor, Tensor, all_finite
from core.tasks.base import Prediction, Task


@dataclass
class Candidate:
    """One new file in the comparison, with its accumulated metrics."""

    predictor: Predictor | None
    """None if it could not be loaded."""

    similarity: ModelSimilarity
    classification: ClassificationMetrics = field(default_factory=ClassificationMetrics)

    error: ConversionError | None = None
    """Why it was excluded from the comparison."""


@dataclass(frozen=True)
class SampleResult:
    """What the source and the candidates predicted for one sample."""

    sample: Sample
    truth: int | None
    """Index of the true class, where it is known."""

    source: Prediction
    candidates: Mapping[TargetId, tuple[Prediction, float]]
    """Of every candidate that has not failed: its prediction, and the cosine similarity of its worst output."""


def run_paired(
    samples: Iterable[tuple[Sample, int | None]],
    *,
    source: Predictor,
    candidates: Mapping[TargetId, Candidate],
    task: Task,
    on_sample: Callable[[SampleResult], None],
) -> ClassificationMetrics:
    """Run the source and all candidates on each sample; accumulate metrics in the candidates.

    Args:
        samples: with the index of their true class, where known; read one by one, never kept.
        source: the model to compare with.
        candidates: the new files; one that fails, or whose outputs have another form, gets an error and is excluded.
        task: decodes outputs to predictions.
        on_sample: called once for each sample.

    Returns:
        The source's own metrics.
    """
    source_metrics = ClassificationMetrics()
    # The runtimes compute without holding the GIL, so the models run in parallel.
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for sample, truth in samples:
            outputs = source.run(sample.feeds)
            prediction = task.decode(outputs)
            source_metrics.update(prediction, prediction, truth)
            run_one = partial(
                _run_candidate, feeds=sample.feeds, expected=outputs, source=prediction, truth=truth, task=task
            )
            results = zip(candidates, pool.map(run_one, candidates.values()), strict=True)
            on_sample(SampleResult(sample, truth, prediction, {target: result for target, result in results if result}))
    return source_metrics


def _run_candidate(
    candidate: Candidate,
    *,
    feeds: Mapping[str, Tensor],
    expected: Mapping[str, Tensor],
    source: Prediction,
    truth: int | None,
    task: Task,
) -> tuple[Prediction, float] | None:
    """Prediction and lowest cosine of one candidate; None if it has failed, now or before."""
    if candidate.error is not None or candidate.predictor is None:
        return None
    try:
        outputs = candidate.predictor.run(feeds)
        _check_outputs(expected, outputs)
        cosine = candidate.similarity.update(expected, outputs)
        prediction = task.decode(outputs)
    # An unexpected error with one file, ours or a runtime's, must not cost the others.
    except Exception as exc:  # noqa: BLE001
        candidate.error = as_conversion_error(exc)
        return None
    candidate.classification.update(prediction, source, truth)
    return prediction, cosine


def _check_outputs(expected: Mapping[str, Tensor], outputs: Mapping[str, Tensor]) -> None:
    """The source's names, order and shapes, and finite if the source's outputs are.

    Raises:
        VerificationError: they are not.
    """
    next_step = say("Use one of the other targets. The file was thrown away.")
    if tuple(outputs) != tuple(expected):
        raise VerificationError(say("The outputs are not those of the original."), next_step=next_step)
    for name, tensor in outputs.items():
        if tensor.shape != expected[name].shape:
            raise VerificationError(
                say(
                    'The output "{name}" has the shape {shape} instead of {expected}.',
                    name=name,
                    shape=str(tensor.shape),
                    expected=str(expected[name].shape),
                ),
                next_step=next_step,
            )
    if not all_finite(outputs) and all_finite(expected):
        raise VerificationError(
            say("Some results are infinite or not numbers, which happens when values do not fit into fewer bits."),
            next_step=next_step,
        )

"""Paired comparison: the source and every candidate on the same test samples, each sample prepared once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from core.common.errors import ConversionError, OptionError, VerificationError
from core.common.memory import release_freed_memory
from core.common.text import say
from core.common.unexpected_errors import as_conversion_error
from core.inputs.samples import Sample
from core.job.crashes import AtTarget
from core.job.target_id import FileId, target_of
from core.metrics.similarity import ModelSimilarity
from core.metrics.variety import Variety
from core.runtimes.predictor import Predictor, Tensor, all_finite
from core.tasks.base import TASK_TITLES, UNFIT, AgreementMetric, AnyTask, TruthMetric
from core.tasks.predictions import Prediction

_MOST_KEPT, _MOST_KEPT_BYTES = 64, 100_000_000
"""Samples that are kept where not all candidates are loaded at once, each of which is loaded once for all of them."""


@dataclass
class Metrics:
    """What is accumulated of one model over all samples."""

    similarity: ModelSimilarity
    agreement: AgreementMetric[Any]
    truth: TruthMetric[Any] | None
    compared: int = 0
    """Samples of which the outputs had the source's shapes, so that numbers could be compared."""

    inputs: Variety = field(default_factory=Variety)
    outputs: Variety = field(default_factory=Variety)
    """Whether the samples and the answers to them differ; of the source only."""

    read: set[str] = field(default_factory=set)
    """Outputs that the task has decoded; of the source only."""

    @classmethod
    def empty(cls, task: AnyTask, outputs: Iterable[str]) -> Metrics:
        """Before the first sample.

        Args:
            task: gives the metrics.
            outputs: names of the source's outputs.
        """
        return cls(ModelSimilarity(tuple(outputs)), task.agreement(), task.truth())


@dataclass
class Candidate:
    """One new file in the comparison."""

    predictor: Predictor | None
    """None if it could not be loaded."""

    metrics: Metrics
    error: ConversionError | None = None
    """Why it was excluded from the comparison."""


@dataclass(frozen=True)
class CandidateResult:
    """What one candidate predicted for one sample, and how far that is the source's."""

    prediction: Prediction
    agreement: float
    """Of this sample, 0 to 1, in the terms of the task."""

    cosine: float | None
    """Cosine similarity of the worst output; None where the outputs have other shapes."""


@dataclass(frozen=True)
class SampleResult:
    """What the source and the candidates predicted for one sample."""

    sample: Sample
    source: Prediction
    candidates: Mapping[FileId, CandidateResult] = field(default_factory=dict)
    """Of every candidate that has not failed."""


def run_paired(
    samples: Iterable[Sample],
    *,
    source: Predictor,
    metrics: Metrics,
    candidates: Mapping[FileId, Candidate],
    task: AnyTask,
    on_sample: Callable[[SampleResult], None],
    at_target: AtTarget | None = None,
    at_once: int | None = None,
    side_by_side: int | None = None,
) -> int:
    """Run the source and all candidates on each sample; accumulate their metrics.

    Args:
        samples: read one by one, and not kept; where few candidates are loaded at a time, some samples are.
        source: the model to compare with.
        metrics: of the source; only its truth and variety, and which outputs are read, are accumulated.
        candidates: the new files; one that fails, or whose outputs have another form, gets an error and is excluded.
        task: decodes outputs to predictions.
        on_sample: called once for each sample.
        at_target: entered for each run of a candidate; the candidates then run one after another.
        at_once: how many candidates may be loaded at the same time; all if None. Their predictors are closed in
            between, and must load again by themselves.
        side_by_side: how many may run at the same time; as many as there are cores if None.

    Returns:
        Number of samples. One whose outputs the task cannot decode is left out.

    Raises:
        OptionError: it can decode none.
    """
    count = left_out = 0
    # The runtimes compute without holding the GIL, so the models run in parallel.
    with ThreadPoolExecutor(max_workers=1 if at_target else side_by_side or os.cpu_count()) as pool:
        references = (_run_source(source, sample, metrics, task) for sample in samples)
        for batch in _batches(references, 1 if at_once is None else _MOST_KEPT):
            decoded = [reference for reference in batch if reference is not None]
            left_out += len(batch) - len(decoded)
            results: list[dict[FileId, CandidateResult]] = [{} for _ in decoded]
            for group in _groups(candidates, at_once or max(1, len(candidates))):
                for reference, found in zip(decoded, results, strict=True):
                    run = partial(_run_candidate, reference, at_target or nullcontext)
                    made = zip(group, pool.map(run, group, group.values()), strict=True)
                    found.update({file: result for file, result in made if result is not None})
                if at_once is not None:
                    _close(group.values())
            for reference, found in zip(decoded, results, strict=True):
                on_sample(SampleResult(reference.sample, reference.prediction, found))
            count += len(decoded)
    if left_out and not count:
        raise OptionError(
            say(
                "The outputs of this model are not those of the task that was chosen: {task}.",
                task=TASK_TITLES[task.name],
            ),
            next_step=say("Choose another task, or let it be recognised."),
        )
    return count


def _run_source(source: Predictor, sample: Sample, metrics: Metrics, task: AnyTask) -> _Reference | None:
    """The source's results for a sample; None where the task cannot decode them."""
    outputs = source.run(sample.feeds)
    metrics.inputs.update(sample.feeds)
    metrics.outputs.update(outputs)
    prediction = _decode(task, _RecordedOutputs(outputs, metrics.read), sample)
    if prediction is not None and sample.truth is not None and metrics.truth is not None:
        metrics.truth.update(prediction, sample.truth)
    return None if prediction is None else _Reference(sample, outputs, prediction, task)


def _batches(references: Iterable[_Reference | None], most: int) -> Iterator[list[_Reference | None]]:
    """Up to ``most`` at a time, and up to some memory."""
    batch: list[_Reference | None] = []
    size = 0
    for reference in references:
        batch.append(reference)
        size += 0 if reference is None else reference.size
        if len(batch) >= most or size >= _MOST_KEPT_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _groups(candidates: Mapping[FileId, Candidate], most: int) -> Iterator[dict[FileId, Candidate]]:
    items = list(candidates.items())
    for start in range(0, len(items), most):
        yield dict(items[start : start + most])


def _close(candidates: Iterable[Candidate]) -> None:
    for candidate in candidates:
        if candidate.predictor is not None:
            candidate.predictor.close()
    release_freed_memory()


class _RecordedOutputs(Mapping[str, Tensor]):
    """Outputs that record which of them are read."""

    def __init__(self, outputs: Mapping[str, Tensor], read: set[str]) -> None:
        self._outputs = outputs
        self._read = read

    def __getitem__(self, name: str) -> Tensor:
        self._read.add(name)
        return self._outputs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._outputs)

    def __len__(self) -> int:
        return len(self._outputs)

    def __contains__(self, name: object) -> bool:
        return name in self._outputs


def _decode(task: AnyTask, outputs: Mapping[str, Tensor], sample: Sample) -> Prediction | None:
    """None where outputs have a form that the task was not made for: a single sample must not cost the job."""
    try:
        prediction: Prediction = task.decode(outputs, sample.placement)
    except UNFIT:
        return None
    return prediction


@dataclass(frozen=True)
class _Reference:
    """One sample with the source's results, against which candidates are held."""

    sample: Sample
    outputs: Mapping[str, Tensor]
    prediction: Prediction
    task: AnyTask

    @property
    def size(self) -> int:
        """Of the sample and the outputs in memory, in bytes, about."""
        image = self.sample.image
        tensors = (*self.sample.feeds.values(), *self.outputs.values())
        return sum(tensor.nbytes for tensor in tensors) + (0 if image is None else 3 * image.width * image.height)


def _run_candidate(
    reference: _Reference, at_target: AtTarget, file: FileId, candidate: Candidate
) -> CandidateResult | None:
    """The result of one candidate; None if it has failed, now or before."""
    if candidate.error is not None or candidate.predictor is None:
        return None
    metrics, cosine = candidate.metrics, None
    try:
        with at_target(target_of(file)):
            outputs = candidate.predictor.run(reference.sample.feeds)
        if _check_outputs(reference.outputs, outputs, decodes=reference.task.name != "tensors"):
            cosine = metrics.similarity.update(reference.outputs, outputs)
            metrics.compared += 1
        prediction = reference.task.decode(outputs, reference.sample.placement)
        agreement = metrics.agreement.update(reference.prediction, prediction)
        if reference.sample.truth is not None and metrics.truth is not None:
            metrics.truth.update(prediction, reference.sample.truth)
    # An unexpected error with one file, ours or a runtime's, must not cost the others.
    except Exception as exc:  # noqa: BLE001
        candidate.error = as_conversion_error(exc)
        return None
    return CandidateResult(prediction, agreement, cosine)


def _check_outputs(expected: Mapping[str, Tensor], outputs: Mapping[str, Tensor], *, decodes: bool) -> bool:
    """Names, order and number of axes must be the source's, and finite if the source's outputs are.

    Args:
        expected: the source's outputs.
        outputs: a candidate's.
        decodes: whether a task decodes them; then sizes may differ, such as the number of boxes after suppression.

    Returns:
        Whether the shapes are the source's.

    Raises:
        VerificationError: they cannot be compared.
    """
    next_step = say("Use one of the other targets. The file was thrown away.")
    if tuple(outputs) != tuple(expected):
        raise VerificationError(say("The outputs are not those of the original."), next_step=next_step)
    for name, tensor in outputs.items():
        if tensor.shape != expected[name].shape and not (decodes and tensor.ndim == expected[name].ndim):
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
    return all(tensor.shape == expected[name].shape for name, tensor in outputs.items())

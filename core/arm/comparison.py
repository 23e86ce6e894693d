"""One file of a job on the emulated ARM processor: the same test samples as here, the same terms of its task."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from core.arm.emulated import EmulatedModel, RunKind, emulated
from core.common.text import Text
from core.common.unexpected_errors import as_conversion_error
from core.conversion.context import ConversionContext
from core.evaluation.evaluate import comparable_outputs
from core.evaluation.paired_comparison import Candidate, Metrics, SampleResult, run_paired
from core.evaluation.verdict import judge
from core.inputs.samples import Sample
from core.job.comparison import Agreement, Light, OutputDifference
from core.job.outcome import Artifact
from core.metrics.similarity import ModelSimilarity, least_cosine_through
from core.runtimes.predictor import Feeds, Predictor, Tensor
from core.runtimes.source import open_source
from core.targets.base import Target
from core.tasks.base import AnyTask, Budget

SAMPLES = 10
"""Test samples on which a file is tried: the emulator is some thirty times as slow as this computer."""

SECONDS = 600.0
"""Time for one file; it is tried on fewer samples where that does not suffice for all."""

_IN_16_BIT_COSINE = 0.999
"""Required of a 32-bit file at most: ncnn computes it in 16 bit where the processor can."""

_HERE, _ARM = "here", "arm"


@dataclass(frozen=True)
class ArmComparison:
    """What was measured of one file."""

    images: int
    """Test samples; 0 where synthetic samples took their place."""

    light: Light
    verdict: Text
    """Of the file on ARM, against the source here."""

    agreement: Agreement | None
    """The file on ARM with the source."""

    here: Agreement | None
    """The file here with the source."""

    with_here: Agreement | None
    """The file on ARM with the file here."""

    differences: tuple[OutputDifference, ...]
    """The outputs of the file on ARM against those of the file here."""

    is_within_budget: bool
    """Whether it is as right as here: not surely worse by more than the budget allows a file to lose."""


def compare_on_arm(
    target: Target,
    artifact: Artifact,
    context: ConversionContext,
    task: AnyTask,
    *,
    kind: RunKind,
    processor: str,
    on_sample: Callable[[int], None],
    samples: int = SAMPLES,
    seconds: float = SECONDS,
) -> ArmComparison:
    """Run a file on ARM and here, and the source here.

    Args:
        target: that made it.
        artifact: the file.
        context: the source and the test samples.
        task: decodes outputs to predictions.
        kind: what runs it on ARM.
        processor: as in :func:`core.setup.arm.command`.
        on_sample: called with the number of samples that are done.
        samples: at most that many are used.
        seconds: time for the file.

    Raises:
        ConversionError: it does not run on ARM, or takes too long there.
        ToolError: the emulator is not there.
    """
    here = target.open(artifact, context.expected, threads=1)
    source = open_source(context.source.path, threads=1)
    model = EmulatedModel(kind, artifact.files, processor=processor, seconds=seconds)
    try:
        there = _Recorded(emulated(here, model), here)
        candidates = {
            name: Candidate(one, Metrics.empty(task, context.expected)) for name, one in ((_HERE, here), (_ARM, there))
        }
        metrics, with_here = Metrics.empty(task, context.expected), task.agreement()
        count = 0

        def compare(result: SampleResult) -> None:
            nonlocal count
            if len(result.candidates) == len(candidates):
                with_here.update(result.candidates[_HERE].prediction, result.candidates[_ARM].prediction)
            count += 1
            on_sample(count)

        run_paired(
            _in_time(islice(context.test_samples(), samples), seconds),
            source=source,
            metrics=metrics,
            candidates=candidates,
            task=task,
            on_sample=compare,
        )
    finally:
        model.close()
        source.close()
        here.close()
    error = candidates[_ARM].error or candidates[_HERE].error
    if error is not None:
        raise as_conversion_error(error)
    return _comparison(target, context, task, metrics, candidates, count, with_here.compute(), there)


class _Recorded:
    """A predictor under the emulator that is compared with the same file here at every run."""

    def __init__(self, there: Predictor, here: Predictor) -> None:
        self._there = there
        self._here = here
        self.similarity = ModelSimilarity(here.outputs)

    @property
    def outputs(self) -> tuple[str, ...]:
        return self._there.outputs

    def run(self, feeds: Feeds) -> dict[str, Tensor]:
        outputs, expected = self._there.run(feeds), self._here.run(feeds)
        if all(outputs[name].shape == expected[name].shape for name in expected):
            self.similarity.update(expected, outputs)
        return outputs

    def release_memory_after_runs(self) -> None:
        self._there.release_memory_after_runs()
        self._here.release_memory_after_runs()

    def close(self) -> None:
        self._there.close()


def _in_time(samples: Iterator[Sample], seconds: float) -> Iterator[Sample]:
    """The samples for which there is time, judged by how long the last one took."""
    end = time.monotonic() + seconds
    for sample in samples:
        start = time.monotonic()
        yield sample
        now = time.monotonic()
        if now + (now - start) > end:
            return


def _comparison(
    target: Target,
    context: ConversionContext,
    task: AnyTask,
    source: Metrics,
    candidates: Mapping[str, Candidate],
    count: int,
    with_here: Agreement | None,
    recorded: _Recorded,
) -> ArmComparison:
    there = candidates[_ARM].metrics
    agreement, here = (candidates[name].metrics.agreement.compute() for name in (_ARM, _HERE))
    light, verdict = judge(
        agreement,
        there.similarity.compute(),
        budget=task.budget,
        least_cosine=least_cosine_through(
            context.normalized.cosine if context.source.dequantize else 1.0, min(target.least_cosine, _IN_16_BIT_COSINE)
        ),
        read=comparable_outputs(source, context.source),
        measured=context.has_test_samples,
        decodes=task.name != "tensors",
    )
    return ArmComparison(
        images=count if context.has_test_samples else 0,
        light=light,
        verdict=verdict,
        agreement=agreement,
        here=here,
        with_here=with_here,
        differences=recorded.similarity.compute() if there.compared else (),
        is_within_budget=_is_within_budget(agreement, here, task.budget),
    )


def _is_within_budget(agreement: Agreement | None, here: Agreement | None, budget: Budget) -> bool:
    """Ten samples are few: what the upper end of the interval still allows is not held against the file."""
    if agreement is None or here is None or agreement.value >= budget.keeps:
        return True
    return agreement.high >= here.value - (1.0 - budget.keeps)

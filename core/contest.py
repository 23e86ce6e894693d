"""Hold the new files against the source: answers first, then speed, then the verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from core.compare.latency import OpenPredictor, measure_latency
from core.compare.lockstep import Contender, Round, compare
from core.compare.tally import Tally
from core.errors import ConversionError, VerificationError
from core.metrics import ModelMeter
from core.outcome import Artifact, Comparison, Latency
from core.progress import Progress, portion
from core.runtimes.onnx import OnnxPredictor
from core.runtimes.open import open_artifact
from core.samples import Sample
from core.target import Target, TargetId
from core.tasks.task import Task
from core.text import Text, say
from core.workshop import Workshop

_COMPARED = 0.7
"""Share of the time that the answers take; the rest measures the speed."""

_NOTED_AGREEMENT = 0.9
"""A classifier that agrees with the source less often gets a word of warning."""


@dataclass(frozen=True)
class Made:
    """An artifact in the work folder that has not been judged yet."""

    target: Target
    artifact: Artifact
    seconds: float


@dataclass(frozen=True)
class Contest:
    """Everything that was measured in one job."""

    source: Tally
    source_latency: Latency
    contenders: Mapping[TargetId, Contender]
    latencies: Mapping[TargetId, Latency]
    pictures: int
    """Test pictures used; 0 where stand-ins took their place."""

    def verdict(self, target: Target) -> tuple[Comparison, tuple[Text, ...]]:
        """The figures of one file, with what is to be noted about them.

        Raises:
            ConversionError: the file does not load, does not run, or strays too far from the source.
        """
        contender = self.contenders[target.id]
        if contender.error is not None:
            raise contender.error
        comparison = Comparison(
            images=self.pictures,
            outputs=contender.meter.differences,
            agreement=contender.tally.agreement,
            accuracy=contender.tally.accuracy,
            latency=self.latencies.get(target.id),
        )
        strays = [output for output in comparison.outputs if not output.is_within(target.least_cosine)]
        if strays:
            raise VerificationError(
                say(
                    "The result strays too far from the original: "
                    "its similarity is {cosine} of 1, and at least {least} is needed.",
                    cosine=f"{min(output.worst.cosine for output in strays):.3f}",
                    least=target.least_cosine,
                ),
                next_step=say(
                    "Use a target that keeps more bits, such as 16 bit; check that size, mean and std fit the model."
                ),
                detail="\n".join(
                    f"{output.name}: {output.worst.cosine:.5f}, {output.worst.largest:.3g}" for output in strays
                ),
            )
        return comparison, tuple(_warnings(comparison, target.least_cosine))


def hold_contest(
    made: Sequence[Made],
    workshop: Workshop,
    *,
    task: Task,
    listen: Callable[[Round], None],
    progress: Progress,
) -> Contest:
    """Compare and time everything that was made.

    Args:
        made: the new files.
        workshop: the source and the test inputs.
        task: reads the answers.
        listen: called with everybody's answer to each input.
        progress: told at every input.
    """
    progress(0.0, say("Loading the new files"))
    # One thread for each model: they answer side by side, and results cannot depend on the number of cores.
    source = OnnxPredictor(workshop.source.path, threads=1)
    contenders = {one.target.id: _contender(one.artifact, workshop) for one in made}
    samples = _labelled(workshop, task, portion(progress, 0.0, _COMPARED))
    tally = compare(samples, source=source, contenders=contenders, task=task, listen=listen)
    for predictor in (source, *(contender.predictor for contender in contenders.values())):
        if predictor is not None:
            predictor.close()

    openers = {
        one.target.id: partial(open_artifact, one.artifact, workshop.expected)
        for one in made
        if contenders[one.target.id].error is None
    }
    latencies = _time_all(openers, workshop, portion(progress, _COMPARED, 1.0))
    source_latency = measure_latency(partial(OnnxPredictor, workshop.source.path), workshop.example.feeds)
    return Contest(tally, source_latency, contenders, latencies, tally.inputs if workshop.has_pictures else 0)


def _contender(artifact: Artifact, workshop: Workshop) -> Contender:
    meter = ModelMeter(tuple(workshop.expected))
    try:
        return Contender(open_artifact(artifact, workshop.expected, threads=1), meter)
    except ConversionError as exc:
        return Contender(None, meter, error=exc)


def _labelled(workshop: Workshop, task: Task, progress: Progress) -> Iterator[tuple[Sample, int | None]]:
    """The test inputs with their true class, where the person gave one."""
    count = max(1, len(workshop.split.test))
    for index, sample in enumerate(workshop.test_samples()):
        progress(index / count, say("Comparing with the original: picture {done} of {all}", done=index + 1, all=count))
        label = workshop.split.labels.get(sample.file) if sample.file else None
        yield sample, None if label is None else task.truth(label)


def _time_all(
    openers: Mapping[TargetId, OpenPredictor], workshop: Workshop, progress: Progress
) -> dict[TargetId, Latency]:
    latencies = {}
    for index, (target, opener) in enumerate(openers.items()):
        progress(index / len(openers), say("Measuring the speed on this computer"))
        latencies[target] = measure_latency(opener, workshop.example.feeds)
    return latencies


def _warnings(comparison: Comparison, least_cosine: float) -> Iterator[Text]:
    if comparison.agreement is not None and comparison.agreement < _NOTED_AGREEMENT:
        yield say(
            "It gives the original's answer to only {percent}% of the pictures: look at the gallery before you use it.",
            percent=round(100 * comparison.agreement),
        )
    if comparison.cosine < least_cosine:
        yield say(
            "On these inputs the original answers next to nothing, so the comparison says little: "
            "choose pictures that show what the model looks for."
        )
    if not comparison.images:
        yield say("It was checked on random inputs only, since there were no test pictures.")

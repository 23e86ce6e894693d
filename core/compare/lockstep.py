"""Run the source and every new file side by side over the test inputs, each input made once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from core.compare.tally import Tally
from core.errors import ConversionError, VerificationError
from core.metrics import ModelMeter
from core.runtimes.predictor import Predictor, Tensor, all_finite
from core.samples import Sample
from core.target import TargetId
from core.tasks.task import Answer, Task
from core.text import say


@dataclass
class Contender:
    """One new file in the comparison."""

    predictor: Predictor | None
    """None if it could not be loaded."""

    meter: ModelMeter
    tally: Tally = field(default_factory=Tally)

    error: ConversionError | None = None
    """Why it was taken out of the comparison."""


@dataclass(frozen=True)
class Round:
    """Everybody's answer to one input."""

    sample: Sample
    truth: int | None
    source: Answer
    answers: Mapping[TargetId, tuple[Answer, float]]
    """Of every file that is still in: the answer, and its cosine to the source."""


def compare(
    samples: Iterable[tuple[Sample, int | None]],
    *,
    source: Predictor,
    contenders: Mapping[TargetId, Contender],
    task: Task,
    listen: Callable[[Round], None],
) -> Tally:
    """Let everybody answer every input; the figures gather in the contenders.

    Args:
        samples: inputs with their true class, where known; taken one by one, never kept.
        source: the model to compare with.
        contenders: the new files; one that fails or answers nonsense is given an error and left out from then on.
        task: reads the answers.
        listen: called once for each input.

    Returns:
        The source's own tally.
    """
    own = Tally()
    # The runtimes compute outside Python's lock, so the models can share the cores.
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for sample, truth in samples:
            outputs = source.run(sample.feeds)
            answer = task.answer(outputs)
            own.add(answer, answer, truth)
            play = partial(_one_round, sample=sample, expected=outputs, answer=answer, truth=truth, task=task)
            given = zip(contenders, pool.map(play, contenders.values()), strict=True)
            listen(Round(sample, truth, answer, {target: reply for target, reply in given if reply}))
    return own


def _one_round(
    contender: Contender,
    *,
    sample: Sample,
    expected: Mapping[str, Tensor],
    answer: Answer,
    truth: int | None,
    task: Task,
) -> tuple[Answer, float] | None:
    """Let one contender answer; None if that took it out of the comparison."""
    if contender.error is not None or contender.predictor is None:
        return None
    try:
        outputs = contender.predictor.run(sample.feeds)
        _check_form(expected, outputs)
    except ConversionError as exc:
        contender.error = exc
        return None
    cosine = contender.meter.add(expected, outputs)
    given = task.answer(outputs)
    contender.tally.add(given, answer, truth)
    return given, cosine


def _check_form(expected: Mapping[str, Tensor], outputs: Mapping[str, Tensor]) -> None:
    """Same outputs, same order, same shapes, finite wherever the source is."""
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

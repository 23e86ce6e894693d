"""Check every target before anything runs: whether it can be made, what it takes, and what to know about it."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from core.common.errors import TargetRefused
from core.common.memory import installed_memory, memory_text
from core.common.text import Text, say
from core.inputs.images import SampleCounts
from core.job.preflight_result import PreflightResult
from core.job.target_id import TargetId
from core.onnx_model.source import Source
from core.preflight.estimate import USUAL_SAMPLES, Estimate, estimate
from core.targets import TARGETS
from core.targets.base import Target

_WARNED_MEMORY_SHARE, _REFUSED_MEMORY_SHARE = 0.7, 2.0
"""Shares of the computer's memory from which a target gets a warning, and is refused."""


def check_targets(
    source: Source,
    *,
    samples: SampleCounts = USUAL_SAMPLES,
    given: Collection[str] = (),
    targets: Collection[TargetId] | None = None,
    size: tuple[int, int] | None = None,
) -> tuple[PreflightResult, ...]:
    """Check every target by the model file alone; nothing is run.

    Args:
        source: the model.
        samples: numbers of calibration and test samples; without the former, targets that need them are refused.
        given: names of inputs that are the same for every sample.
        targets: only these; None for all.
        size: height and width that images are resized to.
    """
    asked = [target for target in TARGETS if targets is None or target.id in targets]
    return tuple(_check(target, source, samples, given, size) for target in asked)


def _check(
    target: Target,
    source: Source,
    samples: SampleCounts,
    given: Collection[str],
    size: tuple[int, int] | None,
) -> PreflightResult:
    try:
        target.check(source.without(given))
        if target.needs_images and not samples.calibration:
            raise _no_examples(source, given)
        effort = estimate(source, target, samples=samples, size=size)
        _check_memory(effort)
    except TargetRefused as exc:
        return PreflightResult(target.id, "cannot", (), exc.reason, exc.next_step)
    notes = (*_input_notes(source, given), *target.notes(source.without(given)), *_memory_notes(effort))
    return PreflightResult(
        target.id,
        "note" if notes else "works",
        notes,
        size_bytes=_size(target, source),
        seconds=effort.seconds,
        memory_bytes=effort.memory_bytes,
    )


def _no_examples(source: Source, given: Collection[str]) -> TargetRefused:
    if source.without(given).takes_image:
        return TargetRefused(
            say("This target needs example pictures, and none were given."),
            next_step=say("Choose a folder with pictures like those that the model will see."),
        )
    return TargetRefused(
        say("Its ranges are measured on examples of the inputs, and none were given."),
        next_step=say("Choose a folder with .npy or .npz files, one for each example."),
    )


def _check_memory(effort: Estimate) -> None:
    """Estimates may be wrong by a factor of two, so only what needs twice the memory is refused."""
    if effort.memory_bytes > _REFUSED_MEMORY_SHARE * installed_memory():
        raise TargetRefused(
            say(
                "Making it takes {needed} of memory, and this computer has {installed}.",
                needed=memory_text(effort.memory_bytes),
                installed=memory_text(installed_memory()),
            ),
            next_step=say(
                "Use a smaller picture size, a smaller variant of the model, or a computer with more memory."
            ),
        )


def _memory_notes(effort: Estimate) -> Iterator[Text]:
    if effort.memory_bytes > _WARNED_MEMORY_SHARE * installed_memory():
        yield say(
            "It may need more memory than this computer has ({needed} of {installed}): close other programs first.",
            needed=memory_text(effort.memory_bytes),
            installed=memory_text(installed_memory()),
        )


def _input_notes(source: Source, given: Collection[str]) -> Iterator[Text]:
    if not source.without(given).takes_image:
        yield say(
            "The model takes no single picture, so it is checked on your .npy or .npz files, "
            "or else on numbers that are found by trying."
        )


def _size(target: Target, source: Source) -> int:
    """Estimated file size in bytes: the weights, and what the source holds besides them (the graph)."""
    besides = max(0, source.size_bytes - source.bytes_per_weight * source.parameters)
    stored = source.size_bytes / source.bytes_per_weight
    return round(besides + target.bytes_per_weight * min(source.parameters, stored))

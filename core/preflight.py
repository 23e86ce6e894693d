"""Say of every target, before anything runs, whether it will work, what it takes and gives, and what to know."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from core.errors import TargetRefused
from core.estimate import USUAL_PICTURES, Estimate, estimate, installed_memory, memory_words
from core.outcome import Verdict
from core.source import Source
from core.target import Target, TargetId
from core.targets import TARGETS
from core.text import Text, say

_BRANCHES = frozenset({"If", "Loop", "Scan", "SequenceMap"})

_DOUBTFUL_IN_NCNN = frozenset(
    {"ArgMax", "ArgMin", "BitShift", "Compress", "Det", "Equal", "EyeLike", "GatherElements", "GatherND", "Greater"}
    | {"GreaterOrEqual", "IsInf", "IsNaN", "Less", "LessOrEqual", "Mod", "OneHot", "RoiAlign", "ScatterElements"}
    | {"ScatterND", "TopK", "Trilu", "Where", "Xor", "MaxUnpool", "STFT", "DFT", "RandomNormalLike", "StringNormalizer"}
)
"""ncnn has no layer for them; in many models they disappear when constants are folded."""

_BYTES: dict[TargetId, float] = {
    "onnx_fp16": 2.0,
    "onnx_quan_dy": 1.06,  # the smallest tensors stay in 32 bit
    "onnx_quan_st": 1.02,
    "ncnn": 4.0,
    "ncnn_fp16": 2.0,
    "ncnn_quan": 1.15,  # first and depthwise convolutions stay in 16 bit
}
"""Of one weight, with the scales that belong to it."""

_MUCH, _FAR_TOO_MUCH = 0.7, 2.0
"""Shares of the computer's memory from which a target gets a word of warning, and is refused."""


def verdicts(
    source: Source,
    *,
    has_examples: bool = True,
    given: Collection[str] = (),
    targets: Collection[TargetId] | None = None,
    pictures: int = USUAL_PICTURES,
    size: tuple[int, int] | None = None,
) -> tuple[Verdict, ...]:
    """What is known of every target from the file alone; nothing is run.

    Args:
        source: the model.
        has_examples: whether there are example pictures or arrays to measure ranges on.
        given: names of inputs that are given once and for all.
        targets: only these; None for all.
        pictures: how many examples there are, for ranges and comparison together.
        size: height and width that pictures are brought to.
    """
    asked = (target for target in TARGETS if targets is None or target.id in targets)
    example = _Example(has_examples, given, pictures, size)
    return tuple(_verdict(target, source, example) for target in asked)


def refuse_without_examples(source: Source, given: Collection[str] = ()) -> TargetRefused:
    """The refusal of a target that measures ranges on examples, where none were given."""
    if source.without(given).takes_image:
        return TargetRefused(
            say("This target needs example pictures, and none were given."),
            next_step=say("Choose a folder with pictures like those that the model will see."),
        )
    return TargetRefused(
        say("Its ranges are measured on examples of the inputs, and none were given."),
        next_step=say("Choose a folder with .npy or .npz files, one for each example."),
    )


@dataclass(frozen=True)
class _Example:
    """What is known of the inputs besides the model."""

    exists: bool
    given: Collection[str]
    pictures: int
    size: tuple[int, int] | None


def _verdict(target: Target, source: Source, example: _Example) -> Verdict:
    try:
        target.check(source)
        if target.needs_images and not example.exists:
            raise refuse_without_examples(source, example.given)
        effort = estimate(source, target.id, pictures=example.pictures, size=example.size)
        _check_memory(effort)
    except TargetRefused as exc:
        return Verdict(target.id, "cannot", (), exc.reason, exc.next_step)
    notes = (*_notes(target.id, source, example.given), *_memory_notes(effort))
    return Verdict(
        target.id,
        "note" if notes else "works",
        notes,
        size_bytes=_size(target.id, source),
        seconds=effort.seconds,
        memory_bytes=effort.memory_bytes,
    )


def _check_memory(effort: Estimate) -> None:
    """An estimate may be wrong by half, so only what is far too large is refused."""
    if effort.memory_bytes > _FAR_TOO_MUCH * installed_memory():
        raise TargetRefused(
            say(
                "Making it takes {needed} of memory, and this computer has {installed}.",
                needed=memory_words(effort.memory_bytes),
                installed=memory_words(installed_memory()),
            ),
            next_step=say(
                "Use a smaller picture size, a smaller variant of the model, or a computer with more memory."
            ),
        )


def _memory_notes(effort: Estimate) -> Iterator[Text]:
    if effort.memory_bytes > _MUCH * installed_memory():
        yield say(
            "It may need more memory than this computer has ({needed} of {installed}): close other programs first.",
            needed=memory_words(effort.memory_bytes),
            installed=memory_words(installed_memory()),
        )


def _size(target: TargetId, source: Source) -> int:
    """What the weights will take, and what the file holds besides them."""
    besides = max(0, source.size_bytes - 4 * source.parameters)
    return round(besides + _BYTES[target] * min(source.parameters, source.size_bytes / 4))


def _notes(target: TargetId, source: Source, given: Collection[str]) -> Iterator[Text]:
    fed = source.without(given)
    if not fed.takes_image:
        yield say(
            "The model takes no single picture, so it is checked on your .npy or .npz files, "
            "or else on numbers that are found by trying."
        )
    if target.startswith("ncnn"):
        yield from _ncnn_notes(source)
    else:
        yield from _onnx_notes(target, source)


def _ncnn_notes(source: Source) -> Iterator[Text]:
    doubtful = sorted(_DOUBTFUL_IN_NCNN & set(source.operators))
    if doubtful:
        yield say(
            "ncnn may have nothing for these operators, unless they disappear when constants are folded: {operators}.",
            operators=", ".join(doubtful),
        )
    if not all(tensor.is_static for tensor in source.inputs):
        yield say("The model takes inputs of any size; in ncnn its inner sizes are fixed to those that you choose.")


def _onnx_notes(target: TargetId, source: Source) -> Iterator[Text]:
    branches = sorted(_BRANCHES & set(source.operators))
    if branches:
        yield say(
            "The model has branches or loops ({operators}): inside them only the weights get smaller, not the time.",
            operators=", ".join(branches),
        )
    if source.foreign_operators:
        yield say(
            "Some operators are not part of ONNX and stay as they are: {operators}.",
            operators=", ".join(source.foreign_operators),
        )
    if target == "onnx_fp16" and "float16" in source.weight_dtypes:
        yield say("Some weights already are 16 bit, so the file shrinks by less than half.")
    if "float64" in source.weight_dtypes:
        yield say("Some weights are 64 bit and stay so; export the model in 32 bit for a smaller file.")

"""Find which nodes of a model may compute in 16 bit without changing its answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import onnx

from core.common.errors import ConversionError
from core.common.progress import Progress
from core.common.text import say
from core.fp16.onnx_writer import fp16_candidates, to_fp16
from core.metrics.reference_check import ReferenceSamples, agrees

_SECONDS = 60.0


@dataclass(frozen=True)
class Fp16Model:
    """A 16-bit model that was found to agree."""

    model: onnx.ModelProto
    candidates: int
    """How many nodes might compute in 16 bit at all."""

    kept: tuple[str, ...]
    """Operators of those among them that stay in 32 bit, because in 16 bit the answers changed."""


def search_fp16_nodes(
    model: onnx.ModelProto,
    references: ReferenceSamples,
    *,
    least: float,
    progress: Progress,
    seconds: float = _SECONDS,
) -> Fp16Model:
    """Put as many nodes into 16 bit as the answers allow.

    All at once is tried first. Else, from everything in 32 bit, ever smaller groups of neighbours are
    put into 16 bit and left there if the answers stay (delta debugging, Zeller 1999): about two trials
    for each halving and for each node that matters.

    Args:
        model: the clean model.
        references: inputs with the source's answers.
        least: cosine that every output must reach over all trials.
        progress: told at every trial.
        seconds: after which the best result so far is taken.

    Raises:
        ConversionError: weights in 16 bit alone change the answers too much.
    """
    candidates = fp16_candidates(model)

    def still_agrees(half: Sequence[int]) -> bool:
        return agrees(to_fp16(model, half), references, least=least)

    if still_agrees(candidates):
        return Fp16Model(to_fp16(model, candidates), len(candidates), ())
    if not still_agrees(()):
        raise ConversionError(
            say("In 16 bit the model gives other answers, even where only its weights are stored so."),
            next_step=say("Use the 8 bit targets, which scale the numbers of each layer, or the original."),
        )
    kept = _reduce(candidates, still_agrees, progress=progress, deadline=time.monotonic() + seconds)
    names = tuple(model.graph.node[index].op_type for index in kept)
    return Fp16Model(to_fp16(model, set(candidates) - set(kept)), len(candidates), names)


def _reduce(
    candidates: tuple[int, ...],
    still_agrees: Callable[[Sequence[int]], bool],
    *,
    progress: Progress,
    deadline: float,
) -> tuple[int, ...]:
    """A small set of nodes that must stay in 32 bit."""
    kept, start = list(candidates), time.monotonic()
    size = -(-len(kept) // 2)
    while size:
        place = 0
        while place < len(kept):
            now = time.monotonic()
            if now > deadline:
                return tuple(kept)
            progress(min(1.0, (now - start) / (deadline - start)), say("Finding what must stay in 32 bit"))
            rest = kept[:place] + kept[place + size :]
            if still_agrees(sorted(set(candidates) - set(rest))):
                kept = rest
            else:
                place += size
        size //= 2
    return tuple(kept)

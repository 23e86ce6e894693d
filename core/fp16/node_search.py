"""Find which nodes of a model can compute in fp16 without changing its outputs."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import onnx

from core.common.errors import ConversionError
from core.common.progress import Progress
from core.common.text import say
from core.fp16.candidates import fp16_candidates
from core.fp16.large_values import nodes_with_large_values
from core.fp16.onnx_writer import to_fp16
from core.isolation.trial import agrees
from core.metrics.reference_check import KeepsAnswers, ReferenceSamples

_TIME_BUDGET = 60.0
"""Seconds for the search."""


@dataclass(frozen=True)
class Fp16Model:
    """An fp16 model whose outputs agree with the source's."""

    model: onnx.ModelProto
    candidates: int
    """Number of nodes that could compute in fp16 by their types."""

    kept: tuple[str, ...]
    """Operators of those among them that stay in float32: in fp16 the outputs changed, there were none, or values are
    too large for it."""


def search_fp16_nodes(
    model: onnx.ModelProto,
    references: ReferenceSamples,
    *,
    least: float,
    keeps_answers: KeepsAnswers | None = None,
    progress: Progress,
    seconds: float = _TIME_BUDGET,
) -> Fp16Model:
    """Let as many nodes compute in fp16 as the outputs allow.

    Nodes with large values stay in float32, whatever the outputs are on this computer. All others are tried first.
    Else, starting with all in float32, ever smaller groups of neighbours are put into fp16 and left there if the
    outputs agree (delta debugging, Zeller 1999): about two trials for each halving and for each node that must stay.
    (To start with the block list of onnxconverter-common saved no trials: docs/calibration.md.)

    Args:
        model: the clean model.
        references: inputs with the source's outputs.
        least: cosine similarity that every output must reach over all references.
        keeps_answers: what must hold of the outputs besides.
        progress: callback, called at every trial.
        seconds: time after which the best result so far is taken.

    Raises:
        ConversionError: weights in fp16 alone change the outputs too much.
    """
    large = nodes_with_large_values(model, [feeds for feeds, _ in references])
    every = fp16_candidates(model)
    candidates = tuple(index for index in every if index not in large)

    def agrees_without(in_float: Collection[int]) -> bool:
        trial = to_fp16(model, set(candidates).difference(in_float))
        return agrees(trial, references, least=least, keeps_answers=keeps_answers)

    def found(in_float: Collection[int]) -> Fp16Model:
        kept = sorted(set(every) - set(candidates).difference(in_float))
        operators = tuple(model.graph.node[index].op_type for index in kept)
        return Fp16Model(to_fp16(model, set(candidates).difference(in_float)), len(every), operators)

    if agrees_without(()):
        return found(())
    if not agrees_without(candidates):
        raise ConversionError(
            say("In 16 bit the model gives other answers, even where only its weights are stored so."),
            next_step=say("Use the 8 bit targets, which scale the numbers of each layer, or the original."),
        )
    return found(_reduce(candidates, agrees_without, progress=progress, deadline=time.monotonic() + seconds))


def _reduce(
    candidates: Sequence[int],
    agrees_without: Callable[[Collection[int]], bool],
    *,
    progress: Progress,
    deadline: float,
) -> tuple[int, ...]:
    """A small subset of the nodes that must stay in float32."""
    kept, start = list(candidates), time.monotonic()
    size = -(-len(kept) // 2)
    while size:
        position = 0
        while position < len(kept):
            now = time.monotonic()
            if now > deadline:
                return tuple(kept)
            progress(min(1.0, (now - start) / (deadline - start)), say("Finding what must stay in 32 bit"))
            rest = kept[:position] + kept[position + size :]
            if agrees_without(rest):
                kept = rest
            else:
                position += size
        size //= 2
    return tuple(kept)

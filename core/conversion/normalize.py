"""Rewrite the source into plain ONNX once, before anything is made from it, and prove it by the source's outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import onnx

from core.common.text import Text, say
from core.conversion.cut import run_model
from core.conversion.dequantize import DEQUANTIZED, dequantize_source
from core.conversion.prepare import load_source
from core.isolation.trial import agrees
from core.metrics.reference_check import ReferenceSamples
from core.onnx_model.graph import copy_model
from core.onnx_model.normalize.branches import BRANCHING, fold_branches
from core.onnx_model.normalize.edit import drop_unused, is_plain
from core.onnx_model.normalize.float32 import raise_half
from core.onnx_model.normalize.table import REWRITES, Rewrite
from core.onnx_model.shapes import Shapes
from core.onnx_model.stored import StoredModel
from core.runtimes.predictor import Feeds, Tensor


@dataclass(frozen=True)
class NormalizedSource:
    """The source in operators that every target knows."""

    model: StoredModel
    """With the source's inputs and outputs, in 32 bit where they were floats of another size."""

    notes: tuple[Text, ...] = ()
    """What was changed, as far as people should know."""

    is_exact: bool = True
    """Whether it gives the source's outputs to the last bits; not so where that rounds each step to 16 or 8 bit."""

    cosine: float = 1.0
    """Least cosine of its outputs with the source's, where the source was dequantised."""


def normalize_source(
    path: Path,
    feeds: Feeds,
    expected: Mapping[str, Tensor],
    *,
    folder: Path,
    given: Feeds | None = None,
    is_dequantized: bool = False,
) -> NormalizedSource:
    """Apply every rewrite that keeps the outputs.

    Args:
        path: the source, which is only read.
        feeds: one sample.
        expected: the source's outputs for it.
        folder: for the rewritten model.
        given: inputs that are the same for every sample.
        is_dequantized: whether steps in 8 bit are turned into 32 bit first.

    Raises:
        SourceError: weights that are in another file cannot be read.
        ConversionError: once dequantised, the model gives other answers.
    """
    load = partial(load_source, path)
    found = dequantize_source(load(), feeds, expected) if is_dequantized else None
    if found is None:
        return _normalize(load, feeds, expected, given or {}, folder)
    load, outputs = partial(copy_model, found.model), run_model(found.model, feeds)
    normalized = _normalize(load, feeds, outputs, given or {}, folder)
    return replace(normalized, notes=(DEQUANTIZED, *normalized.notes), is_exact=False, cosine=found.cosine)


def _normalize(
    load: Callable[[], onnx.ModelProto], feeds: Feeds, expected: Mapping[str, Tensor], given: Feeds, folder: Path
) -> NormalizedSource:
    references = [(feeds, expected)]
    rewrites = (*REWRITES[:-1], *_branch_rewrites(feeds, given), REWRITES[-1])
    model = load()
    applied = _apply_all(model, rewrites)
    if applied == []:
        return NormalizedSource(StoredModel.of(model, folder))
    if applied is None or not agrees(model, references, least=min(rewrite.least for rewrite in applied)):
        model, applied = _apply_proved(load(), rewrites, references)
    notes = tuple(rewrite.note for rewrite in applied if rewrite.note is not None)
    is_exact = all(rewrite.apply is not raise_half for rewrite in applied)
    return NormalizedSource(StoredModel.of(model, folder), notes, is_exact=is_exact)


def _branch_rewrites(feeds: Feeds, given: Feeds) -> Sequence[Rewrite]:
    """Branches that are known by the file alone, then those by the given inputs, then those by the batch size."""
    names = ", ".join(given)
    fold_given = partial(fold_branches, given=given)
    batches = {name: tensor.shape for name, tensor in feeds.items() if tensor.ndim > 1 and tensor.shape[0] == 1}
    return (
        Rewrite(fold_branches),
        Rewrite(
            fold_given if given else _nothing,
            say(
                "Branches of the model were decided by the given inputs ({names}): other values no longer fit.",
                names=names,
            ),
        ),
        Rewrite(
            partial(_fix_batch, sizes=batches),
            say("A branch of the model depends on the number of inputs at a time, so that was fixed to 1."),
        ),
    )


def _nothing(_model: onnx.ModelProto) -> bool:
    return False


def _fix_batch(model: onnx.ModelProto, sizes: Shapes) -> bool:
    """Fix the first axis of inputs to 1, if a branch disappears by it."""
    trial = copy_model(model) if any(is_plain(node, *BRANCHING) for node in model.graph.node) else None
    if trial is None:
        return False
    is_free = False
    for value in trial.graph.input:
        dims = value.type.tensor_type.shape.dim
        if value.name in sizes and dims and dims[0].dim_value <= 0:
            dims[0].dim_value, is_free = 1, True
    if not is_free or not fold_branches(trial):
        return False
    del trial.graph.value_info[:]
    for value in trial.graph.output:
        value.type.tensor_type.ClearField("shape")
    model.CopyFrom(trial)
    return True


def _apply_all(model: onnx.ModelProto, rewrites: Sequence[Rewrite]) -> list[Rewrite] | None:
    """Those that changed the model; None where one failed, which may have changed a part."""
    try:
        applied = [rewrite for rewrite in rewrites if rewrite.apply(model)]
        drop_unused(model)
    except Exception:  # noqa: BLE001 - damaged nodes may raise anything, here and in onnx
        return None
    return applied


def _apply_proved(
    model: onnx.ModelProto, rewrites: Sequence[Rewrite], references: ReferenceSamples
) -> tuple[onnx.ModelProto, list[Rewrite]]:
    """Apply them one by one, without those that fail or change the outputs."""
    applied, least = list[Rewrite](), 1.0
    for rewrite in rewrites:
        trial = copy_model(model)
        if _apply_all(trial, [rewrite]) and agrees(trial, references, least=min(least, rewrite.least)):
            model, least = trial, min(least, rewrite.least)
            applied.append(rewrite)
    return model, applied

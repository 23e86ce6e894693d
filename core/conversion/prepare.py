"""Clean the source into one self-contained model that every target starts from, checked against its outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import onnx
from onnx import version_converter

from core.common.memory import release_freed_memory
from core.common.text import Text, as_text, say
from core.conversion.slim import slim
from core.isolation.trial import agrees
from core.metrics.reference_check import ReferenceSamples
from core.onnx_model.clean import clean
from core.onnx_model.external_data import load_embedded
from core.onnx_model.graph import all_nodes, compacted, copy_model, opset
from core.onnx_model.normalize.branches import fold_branches
from core.onnx_model.normalize.later import OPSET
from core.onnx_model.serialize import byte_size
from core.onnx_model.stored import StoredModel
from core.runtimes.onnx import source_errors
from core.runtimes.predictor import Feeds, Tensor
from core.runtimes.source import open_source

_IR_VERSION = 8  # goes with opset 15 to 18; from 4 on, weights need not be listed among the inputs
_LEAST_COSINE = 0.99999
"""From here on a cleaned model counts as equal: reordered sums differ in the last bits only."""

_FOLDING_LIMITS = (None, 1 << 16, 1 << 10)
"""Bytes up to which onnxslim stores a folded constant, tried in turn; the first is onnxslim's default."""

_MAX_GROWTH = 1.3
_ALLOWANCE_BYTES = 1 << 14  # for names and shapes, which make up most of a small file

_GraphPass = Callable[[onnx.ModelProto], onnx.ModelProto]


@dataclass(frozen=True)
class PreparedModel:
    """The source, cleaned."""

    clean: StoredModel
    """With the source's free dimensions."""

    static: StoredModel
    """With every dimension fixed to the given input, for pnnx."""

    uncleaned: StoredModel
    """The source with every dimension fixed and nothing else changed, which pnnx sometimes converts better."""

    notes: tuple[Text, ...] = ()
    """The passes that were left out, since they changed the outputs."""


def prepare_model(
    source: Path | onnx.ModelProto, feeds: Feeds, reference: Mapping[str, Tensor], *, folder: Path
) -> PreparedModel:
    """Clean the source as far as its outputs stay the same.

    Args:
        source: the ONNX file, which is only read; or a part of it, as :func:`load_source` gives it.
        feeds: one sample, with the shapes that the static model gets.
        reference: the source's outputs for it.
        folder: for the prepared models.
    """
    notes: list[Text] = []
    references = [(feeds, reference)]

    def checked(graph_pass: _GraphPass, model: onnx.ModelProto, name: Text) -> onnx.ModelProto:
        changed = _apply(graph_pass, model)
        if changed is not None and agrees(changed, references, least=_LEAST_COSINE):
            return changed
        notes.append(say("{step}: not possible without changing the results, so it was left out.", step=name))
        return model

    loaded = load_source(source) if isinstance(source, Path) else source
    model = _slimmed(loaded, references) or checked(
        clean, loaded, say("Folding of constants and removal of unused steps")
    )
    if opset(model) < OPSET:
        model = checked(_raise_opset, model, say("Raising the ONNX version to opset {opset}", opset=OPSET))
    clean_model = StoredModel.of(model, folder)
    if all(_is_static(value) for value in model.graph.input):
        return PreparedModel(clean_model, clean_model, StoredModel.of(loaded, folder), tuple(notes))
    fix_shapes = partial(_fix_shapes, feeds=feeds)
    static = checked(lambda copy: slim(fix_shapes(copy)), model, say("Fixing the picture size"))
    uncleaned = _apply(fix_shapes, loaded) or loaded
    return PreparedModel(clean_model, StoredModel.of(static, folder), StoredModel.of(uncleaned, folder), tuple(notes))


def run_source(path: Path, feeds: Feeds) -> Mapping[str, Tensor]:
    """Run the source once.

    Raises:
        SourceError: it cannot be loaded or run.
    """
    with source_errors(path):
        return open_source(path, threads=1).run(feeds)


def load_source(path: Path) -> onnx.ModelProto:
    """Read a model with external weights, without functions, and without initializers among the inputs.

    Raises:
        SourceError: weights that are in another file cannot be read.
    """
    model = load_embedded(path)
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    model.ir_version = max(model.ir_version, _IR_VERSION)
    # Names that mean nothing may be no text, which protobuf reads, but takes for no other model.
    model.graph.name, model.producer_name = as_text(model.graph.name), as_text(model.producer_name)
    return model


def _slimmed(model: onnx.ModelProto, references: ReferenceSamples) -> onnx.ModelProto | None:
    """Fold constants as long as the file hardly grows: one ConstantOfShape may stand for millions of numbers.

    Returns:
        None if onnxslim fails or changes the outputs, or the file grows with every limit.
    """
    for limit in _FOLDING_LIMITS:
        slimmed = _apply(partial(slim, limit=limit), model)
        if slimmed is None or not agrees(slimmed, references, least=_LEAST_COSINE):
            return None  # a bug in onnxslim shows with every limit
        if byte_size(slimmed) <= _MAX_GROWTH * byte_size(model) + _ALLOWANCE_BYTES:
            return slimmed
    return None


def _apply(graph_pass: _GraphPass, model: onnx.ModelProto) -> onnx.ModelProto | None:
    """Run a third-party graph pass on a copy; None if it raises, or loses an input that is used."""
    try:
        changed = compacted(graph_pass(copy_model(model)))
    except Exception:  # noqa: BLE001 - a bug in a pass may raise anything; the pass is left out
        return None
    release_freed_memory(byte_size(changed))  # onnxslim's graphs hold all weights, and refer to themselves
    return _with_inputs(changed, model)


def _with_inputs(changed: onnx.ModelProto, model: onnx.ModelProto) -> onnx.ModelProto | None:
    """Restore inputs that a pass removed; None if one of them was used.

    Where the output's shape stands in the file, onnxslim removes an input that holds the shape of a Reshape.
    """
    kept = {value.name: value for value in changed.graph.input}
    used = {name for node in all_nodes(model.graph) for name in node.input}
    used |= {value.name for value in model.graph.output}
    if any(value.name in used and value.name not in kept for value in model.graph.input):
        return None
    inputs = [kept.get(value.name, value) for value in model.graph.input]
    del changed.graph.input[:]
    changed.graph.input.extend(inputs)
    return changed


def _raise_opset(model: onnx.ModelProto) -> onnx.ModelProto:
    return version_converter.convert_version(model, OPSET)


def _fix_shapes(model: onnx.ModelProto, feeds: Feeds) -> onnx.ModelProto:
    for value in model.graph.input:
        for dim, size in zip(value.type.tensor_type.shape.dim, feeds[value.name].shape, strict=True):
            dim.dim_value = size
    # The recorded shapes were those of free dimensions.
    del model.graph.value_info[:]
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    fold_branches(model)
    return model


def _is_static(value: onnx.ValueInfoProto) -> bool:
    return all(dim.HasField("dim_value") and dim.dim_value > 0 for dim in value.type.tensor_type.shape.dim)

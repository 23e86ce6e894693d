"""Make one self-contained, clean model that every target can start from, proved equal to the source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import onnx
from onnx import version_converter

from core.common.errors import ConversionError, SourceError
from core.common.text import Text, say
from core.metrics.similarity import ModelSimilarity
from core.onnx_model.clean import clean
from core.onnx_model.graph import all_nodes, copy_model, opset
from core.onnx_model.inline_functions import inline_functions
from core.runtimes.onnx import OnnxPredictor
from core.runtimes.predictor import Feeds, Tensor

OPSET = 17
"""Per-channel quantisation needs 13; LayerNormalization as one operator came with 17."""

_IR_VERSION = 8  # goes with opset 15 to 18; from 4 on, weights need not be listed among the inputs
_SAME = 0.99999
"""Cosine from which a cleaned model counts as equal: reordered sums differ in the last bits only."""

_FOLDED_BYTES = (None, 1 << 16, 1 << 10)
"""How large a constant may be that is stored instead of being computed anew; the first is onnxslim's own choice."""

_MOST_GROWTH = 1.3
_SPARE_BYTES = 1 << 14  # names and shapes that the cleaning writes down, of which small files consist

_Step = Callable[[onnx.ModelProto], onnx.ModelProto]


@dataclass(frozen=True)
class PreparedModel:
    """The source, cleaned."""

    clean: onnx.ModelProto
    """With the source's own free dimensions; never given to a library that may change it."""

    static: onnx.ModelProto
    """With every dimension fixed to the given input: what ncnn starts from."""

    uncleaned: onnx.ModelProto
    """The source with every dimension fixed and nothing cleaned: sometimes pnnx understands it better."""

    notes: tuple[Text, ...] = ()
    """What could not be cleaned, in words."""

    def fresh(self) -> onnx.ModelProto:
        """A copy of the clean model: onnxruntime's quantisers write into the model that they are given."""
        return copy_model(self.clean)


def prepare_model(path: Path, feeds: Feeds, reference: Mapping[str, Tensor]) -> PreparedModel:
    """Clean the source as far as its numbers stay the same.

    Args:
        path: the ONNX file; it is only read.
        feeds: one example input, with the shapes that the fixed model shall have.
        reference: what the source answers to it.
    """
    notes: list[Text] = []

    def proved(step: _Step, model: onnx.ModelProto, done: Text) -> onnx.ModelProto:
        cleaned = _attempt(step, model)
        if cleaned is not None and _gives(cleaned, feeds, reference):
            return cleaned
        notes.append(say("{step}: not possible without changing the results, so it was left out.", step=done))
        return model

    loaded = _load(path)
    model = _cleaned(loaded, lambda given: _gives(given, feeds, reference)) or proved(
        clean, loaded, say("Folding of constants and removal of unused steps")
    )
    if opset(model) < OPSET:
        model = proved(_raise_opset, model, say("Raising the ONNX version to opset {opset}", opset=OPSET))
    if all(_is_static(value) for value in model.graph.input):
        return PreparedModel(model, model, loaded, tuple(notes))
    fixed = proved(lambda given: _slim(_fix_shapes(given, feeds)), model, say("Fixing the picture size"))
    return PreparedModel(
        model, fixed, _attempt(lambda given: _fix_shapes(given, feeds), loaded) or loaded, tuple(notes)
    )


def run_source(path: Path, feeds: Feeds) -> Mapping[str, Tensor]:
    """Run the source once.

    Raises:
        SourceError: it cannot be loaded or run.
    """
    try:
        predictor = OnnxPredictor(path, threads=1)
        return predictor.run(feeds)
    except ConversionError as exc:
        raise SourceError(
            say('The model "{name}" itself cannot be run.', name=path.name),
            next_step=exc.next_step,
            detail=exc.detail,
        ) from exc


def _load(path: Path) -> onnx.ModelProto:
    try:
        model = inline_functions(onnx.load(str(path)))
    except (OSError, ValueError, onnx.checker.ValidationError) as exc:
        raise SourceError(
            say('The weights of "{name}" that are in another file cannot be read.', name=path.name),
            next_step=say("Put the model and its weights into one folder, as plain files; links are not followed."),
            detail=str(exc),
        ) from exc
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    model.ir_version = max(model.ir_version, _IR_VERSION)
    return model


def _cleaned(model: onnx.ModelProto, gives_the_same: Callable[[onnx.ModelProto], bool]) -> onnx.ModelProto | None:
    """Clean as much as pays: a constant that a file computes in one step may be millions of numbers."""
    for limit in _FOLDED_BYTES:
        cleaned = _attempt(partial(_slim, limit=limit), model)
        if cleaned is None or not gives_the_same(cleaned):
            return None  # what is wrong in onnxslim is wrong with every limit
        if cleaned.ByteSize() <= _MOST_GROWTH * model.ByteSize() + _SPARE_BYTES:
            return cleaned
    return None


def _attempt(step: _Step, model: onnx.ModelProto) -> onnx.ModelProto | None:
    """Run a foreign graph pass on a copy: they raise whatever their own bugs raise."""
    try:
        changed = step(copy_model(model))
    except Exception:  # noqa: BLE001 - a pass that breaks is left out, whatever broke in it
        return None
    return _with_inputs(changed, model)


def _with_inputs(changed: onnx.ModelProto, model: onnx.ModelProto) -> onnx.ModelProto | None:
    """Take the same inputs as before, where passes leave some out; None where one of them had been read.

    A pass that finds the answer's shape in the file may think that an input which tells it is not needed.
    """
    kept = {value.name: value for value in changed.graph.input}
    read = {name for node in all_nodes(model.graph) for name in node.input}
    read |= {value.name for value in model.graph.output}
    if any(value.name in read and value.name not in kept for value in model.graph.input):
        return None
    inputs = [kept.get(value.name, value) for value in model.graph.input]
    del changed.graph.input[:]
    changed.graph.input.extend(inputs)
    return changed


def _gives(model: onnx.ModelProto, feeds: Feeds, reference: Mapping[str, Tensor]) -> bool:
    try:
        answers = OnnxPredictor(model, threads=1).run(feeds)
    except ConversionError:
        return False
    if [(name, tensor.shape) for name, tensor in answers.items()] != [
        (name, tensor.shape) for name, tensor in reference.items()
    ]:
        return False
    similarity = ModelSimilarity(tuple(reference))
    similarity.update(reference, answers)
    return all(output.is_within(_SAME) for output in similarity.compute()) or _all_close(reference, answers)


def _all_close(reference: Mapping[str, Tensor], answers: Mapping[str, Tensor]) -> bool:
    """Outputs with infinities, or that are next to nothing, have no direction for the cosine to judge."""
    return all(
        np.allclose(answers[name], tensor, rtol=1e-3, atol=1e-6, equal_nan=True) for name, tensor in reference.items()
    )


def _slim(model: onnx.ModelProto, *, limit: int | None = None) -> onnx.ModelProto:
    import onnxslim

    slimmed = onnxslim.slim(model, size_threshold=limit)
    assert isinstance(slimmed, onnx.ModelProto)
    return slimmed


def _raise_opset(model: onnx.ModelProto) -> onnx.ModelProto:
    return version_converter.convert_version(model, OPSET)


def _fix_shapes(model: onnx.ModelProto, feeds: Feeds) -> onnx.ModelProto:
    for value in model.graph.input:
        for dim, size in zip(value.type.tensor_type.shape.dim, feeds[value.name].shape, strict=True):
            dim.dim_value = size
    # What the file says of the shapes inside held for free dimensions only.
    del model.graph.value_info[:]
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    return model


def _is_static(value: onnx.ValueInfoProto) -> bool:
    return all(dim.HasField("dim_value") and dim.dim_value > 0 for dim in value.type.tensor_type.shape.dim)

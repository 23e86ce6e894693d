"""Dynamic 8-bit ONNX: needs no pictures, because ranges are found while the model runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from core.compare.trial import try_out
from core.errors import TargetRefused
from core.outcome import Artifact
from core.progress import Progress
from core.source import Source
from core.target import TargetId
from core.targets.onnx_dynamic import quantise_products
from core.targets.onnx_rules import refuse_unfit, save
from core.text import Text, say
from core.workshop import Workshop

_DYNAMIC = ("MatMul", "Gemm", "LSTM", "Attention", "Gather", "EmbedLayerNormalization")
"""What onnxruntime runs well with ranges found at run time. Convolutions are not among them: they
become ConvInteger, which runs many times slower than float and costs several percent of the answers."""

_COMPUTES = frozenset({"MatMulInteger", "DynamicQuantizeMatMul", "DynamicQuantizeLSTM", "QAttention", "QGemm"})
"""What the dynamically quantised steps become."""

_STORED = {"Conv": 0, "ConvTranspose": 1}
"""What is stored in 8 bit and computed in float: operator -> axis of the weight's output channels."""

_STORED_WIDELY = {**_STORED, "MatMul": -1, "Gemm": 1, "LSTM": 1, "GRU": 1, "RNN": 1}

_FLOAT_SHARE = 0.02
"""Share of all weights that may stay in float. The smallest tensors (first and depthwise convolutions)
come first: they hold 2% of the bytes and cause more than half of the error."""

_RECIPES: tuple[tuple[tuple[str, ...], Mapping[str, int], float], ...] = (
    (_DYNAMIC, _STORED_WIDELY, _FLOAT_SHARE),
    ((), _STORED_WIDELY, _FLOAT_SHARE),
    ((), _STORED_WIDELY, 0.2),
    ((), _STORED, 0.1),
    ((), _STORED, 0.3),
)
"""What is quantised dynamically, what of the rest is stored, and the share that stays in float; tried in this order."""

_FEWEST = 100
"""Fewer numbers than this take less place in the file than their description."""

_LEAST_SHARE = 0.25
"""Share of the file that its weights must take: from there on they get smaller than their scales make it larger."""

_GOOD = 0.99
"""Cosine from which no other recipe is tried."""


class OnnxQuanDy:
    """Matrix products quantised dynamically by onnxruntime; convolutions stored in 8 bit."""

    id: TargetId = "onnx_quan_dy"
    title: Text = say("ONNX, 8 bit dynamic")
    sentence: Text = say("About a quarter of the size without example pictures. Saves space more than time.")
    needs_images = False
    least_cosine = 0.9

    def file_names(self, stem: str) -> tuple[str, ...]:
        """One ONNX file."""
        return (f"{stem}_quan_dynamic.onnx",)

    def check(self, source: Source) -> None:
        """Refuse what already is 8 or 16 bit, cannot be checked, or has no weights to speak of."""
        refuse_unfit(source)
        if source.parameters < _FEWEST or 4 * source.parameters < _LEAST_SHARE * source.size_bytes:
            raise _nothing_to_store()

    def make(self, workshop: Workshop, folder: Path, progress: Progress) -> Artifact:
        """Quantise the matrix products and store the convolutions; where that strays, store more or do less.

        Raises:
            TargetRefused: nothing in the model gets smaller in 8 bit.
            ConversionError: no recipe gives a file that runs.
        """
        (name,) = self.file_names(workshop.stem)
        found: list[_Quantised] = []
        for index, (dynamic, stored, share) in enumerate(_RECIPES):
            progress(index / len(_RECIPES), say("Quantising the weights, recipe {number}", number=index + 1))
            quantised = _quantise(workshop, dynamic, stored, share=share, scratch=folder / name)
            if quantised is not None:
                found.append(quantised)
            if quantised is not None and quantised.cosine >= _GOOD:
                break
        best = _best(found, workshop.source)
        return Artifact(self.id, (save(best.model, folder / name),), notes=_notes(best))


@dataclass(frozen=True)
class _Quantised:
    """What one recipe gave."""

    model: onnx.ModelProto
    stored: int
    """Weight tensors that are stored in 8 bit and computed in float."""

    holds_back: bool
    """Whether those are what onnxruntime quantises dynamically but slowly, such as convolutions, or not at all."""

    cosine: float


def _quantise(
    workshop: Workshop, dynamic: Sequence[str], stored: Mapping[str, int], *, share: float, scratch: Path
) -> _Quantised | None:
    """None if the recipe changes nothing, or gives a model that does not run."""
    model = workshop.prepared.fresh()
    if dynamic:
        try:
            model = quantise_products(model, dynamic, scratch)
        # onnxruntime's quantiser raises whatever a graph that it does not expect makes it meet.
        except Exception:  # noqa: BLE001
            return None
    count = store_weights_in_8_bit(model, stored, share=share)
    products = sum(node.op_type in _COMPUTES for node in model.graph.node)
    del model.graph.value_info[:]  # small files consist of little else
    differences = try_out(model, workshop.trials) if count or products else None
    if differences is None:
        return None
    cosine = min(1.0 if difference.is_within(_GOOD) else difference.cosine for difference in differences)
    return _Quantised(model, count, bool(dynamic), cosine)


def _best(found: Sequence[_Quantised], source: Source) -> _Quantised:
    smaller = [quantised for quantised in found if quantised.model.ByteSize() < source.size_bytes]
    if smaller:
        return max(smaller, key=lambda quantised: quantised.cosine)
    raise _nothing_to_store()


def _nothing_to_store() -> TargetRefused:
    return TargetRefused(
        say("Nothing in this model gets smaller by being stored in 8 bit."),
        next_step=say("Keep the original: it has hardly any weights. For speed use the static 8 bit target."),
    )


def _notes(quantised: _Quantised) -> tuple[Text, ...]:
    if not quantised.stored:
        return ()
    if not quantised.holds_back:
        return (
            say(
                "{count} layers are stored in 8 bit and computed in 32 bit, because computing in 8 bit changed "
                "the answers too much.",
                count=quantised.stored,
            ),
        )
    return (
        say(
            "{count} layers are stored in 8 bit and computed in 32 bit, because onnxruntime runs them in dynamic 8 bit "
            "many times slower, or not at all. For more speed try the static 8 bit file.",
            count=quantised.stored,
        ),
    )


def store_weights_in_8_bit(
    model: onnx.ModelProto, operators: Mapping[str, int] = _STORED, *, share: float = _FLOAT_SHARE
) -> int:
    """Replace weights by int8 numbers times one scale for each output channel, in subgraphs too.

    Cast and Mul of constants are folded by onnxruntime when it loads the file, so that the model
    runs as fast as in float; a DequantizeLinear would be computed anew for each picture.

    Args:
        model: is changed.
        operators: operator -> axis of the output channels in its weights.
        share: of all weights, that may stay in float; the smallest tensors do.

    Returns:
        How many weight tensors were replaced.
    """
    weights = list(_weights(model.graph, operators))
    total = sum(_count(tensor) for graph in _graphs(model.graph) for tensor in graph.initializer)
    chosen = _largest(weights, share * total)
    for weight in chosen:
        _store(weight)
    return len(chosen)


@dataclass(frozen=True)
class _Weight:
    graph: onnx.GraphProto
    tensor: TensorProto
    axis: int


def _weights(graph: onnx.GraphProto, operators: Mapping[str, int]) -> Iterator[_Weight]:
    for part in _graphs(graph):
        tensors = {tensor.name: tensor for tensor in part.initializer if _is_float(tensor)}
        for node in part.node:
            for name in node.input[1:3] if node.op_type in operators else ():
                tensor = tensors.get(name)
                if tensor is not None and len(tensor.dims) > 1:
                    yield _Weight(part, tensors.pop(name), _axis(node, operators) % len(tensor.dims))


def _axis(node: onnx.NodeProto, operators: Mapping[str, int]) -> int:
    if node.op_type == "Gemm" and any(attribute.name == "transB" and attribute.i for attribute in node.attribute):
        return 0
    return operators[node.op_type]


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _graphs(inner)


def _largest(weights: Iterable[_Weight], spare: float) -> list[_Weight]:
    """All but the smallest, which together hold at most the spare numbers that may stay in float."""
    chosen = []
    for weight in sorted(weights, key=lambda weight: _count(weight.tensor)):
        spare -= _count(weight.tensor)
        if spare < 0:
            chosen.append(weight)
    return chosen


def _store(weight: _Weight) -> None:
    graph, name = weight.graph, weight.tensor.name
    numbers, scales = quantise_per_channel(numpy_helper.to_array(weight.tensor), axis=weight.axis)
    graph.initializer.remove(weight.tensor)
    graph.initializer.append(numpy_helper.from_array(numbers, f"{name}_int8"))
    graph.initializer.append(numpy_helper.from_array(scales, f"{name}_scale"))
    graph.node.insert(0, helper.make_node("Mul", [f"{name}_float", f"{name}_scale"], [name], name=f"{name}_mul"))
    graph.node.insert(
        0, helper.make_node("Cast", [f"{name}_int8"], [f"{name}_float"], to=TensorProto.FLOAT, name=f"{name}_cast")
    )


def quantise_per_channel(weights: NDArray[np.float32], *, axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Symmetric 8-bit numbers in -127 to 127, with a scale for each channel of ``axis``.

    Returns:
        The numbers, of the shape of ``weights``, and the scales, which broadcast to it.
    """
    others = tuple(other for other in range(weights.ndim) if other != axis)
    largest = np.abs(weights).max(axis=others, keepdims=True)
    scales = np.where(largest > 0, largest / 127, 1).astype(np.float32)
    return np.clip(np.rint(weights / scales), -127, 127).astype(np.int8), scales


def _is_float(tensor: TensorProto) -> bool:
    return tensor.data_type == TensorProto.FLOAT


def _count(tensor: TensorProto) -> int:
    return int(np.prod(tensor.dims))

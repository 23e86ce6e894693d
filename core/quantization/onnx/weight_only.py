"""Weight-only quantisation: weights stored in 8 bit, one scale for each output channel, computed in float."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from core.onnx_model.graph import all_graphs, is_finite, remove_unused_constants
from core.quantization.onnx.quantize_weights import QuantizedWeights

OUTPUT_AXES: Mapping[str, int] = {"Conv": 0, "ConvTranspose": 1}
"""Operator -> axis of the output channels in its weights, for what onnxruntime runs well this way."""

FLOAT_SHARE = 0.02
"""Share of all weights that are not stored in 8 bit, but in 16. The smallest tensors (first and depthwise convolutions)
come first: they hold 2% of the bytes and cause more than half of the error."""


_FEWEST_IN_16_BIT = 100
"""Values; of fewer than these, the step that turns them back is larger than what they save."""


def store_weights_as_int8(
    model: onnx.ModelProto,
    operators: Mapping[str, int] = OUTPUT_AXES,
    *,
    share: float = FLOAT_SHARE,
    rounded: Mapping[str, QuantizedWeights] | None = None,
) -> int:
    """Replace weights by int8 tensors times one scale for each output channel, the smallest by 16-bit floats.

    Those of subgraphs too.

    Cast and Mul of constants are folded by onnxruntime when it loads the file, so that the model
    runs as fast as in float; a DequantizeLinear would be computed in every run.

    Args:
        model: is changed.
        operators: operator -> axis of the output channels in its weights.
        share: share of all weights that are not stored in 8 bit; the smallest tensors are not.
        rounded: name of a tensor -> its integers and the bias of its layer, where they were rounded for the layer's
            outputs; all others are rounded to the nearest.

    Returns:
        Number of weight tensors that are stored in 8 bit.
    """
    weights = list(_weights(model.graph, operators))
    total = sum(_count(tensor) for graph in all_graphs(model.graph) for tensor in graph.initializer)
    smallest, chosen = _divide(weights, share * total)
    by_layer = {one.tensor.name: rounded[one.tensor.name] for one in chosen if rounded and one.tensor.name in rounded}
    for weight in chosen:
        _store(weight, by_layer.get(weight.tensor.name))
    _correct_biases(model.graph, by_layer)
    for weight in smallest:
        _store_in_16_bit(weight)
    return len(chosen)


@dataclass(frozen=True)
class _Weight:
    graph: onnx.GraphProto
    tensor: TensorProto
    axis: int


def _weights(graph: onnx.GraphProto, operators: Mapping[str, int]) -> Iterator[_Weight]:
    for part in all_graphs(graph):
        tensors = {tensor.name: tensor for tensor in part.initializer if _is_float(tensor)}
        for node in part.node:
            for name in node.input[1:3] if node.op_type in operators else ():
                tensor = tensors.get(name)
                if tensor is not None and len(tensor.dims) > 1 and is_finite(tensor):
                    yield _Weight(part, tensors.pop(name), _axis(node, operators) % len(tensor.dims))


def _axis(node: onnx.NodeProto, operators: Mapping[str, int]) -> int:
    if node.op_type == "Gemm" and any(attribute.name == "transB" and attribute.i for attribute in node.attribute):
        return 0
    return operators[node.op_type]


def _divide(weights: Iterable[_Weight], float_budget: float) -> tuple[list[_Weight], list[_Weight]]:
    """The smallest, which together hold at most as many values as may stay in float, and all others."""
    smallest, others = list[_Weight](), list[_Weight]()
    for weight in sorted(weights, key=lambda weight: _count(weight.tensor)):
        float_budget -= _count(weight.tensor)
        (others if float_budget < 0 else smallest).append(weight)
    return smallest, others


def _store(weight: _Weight, rounded: QuantizedWeights | None) -> None:
    if rounded is None:
        integers, scales = quantize_per_channel(numpy_helper.to_array(weight.tensor), axis=weight.axis)
    else:
        integers, scales = rounded.integers, rounded.scales
    weight.graph.initializer.remove(weight.tensor)
    add_dequantized(weight.graph, weight.tensor.name, integers, scales)


def _correct_biases(graph: onnx.GraphProto, rounded: Mapping[str, QuantizedWeights]) -> None:
    """Give layers the biases that make up for the mean error of their weights; others may read the old ones."""
    for node in graph.node:
        values = rounded.get(node.input[1]) if len(node.input) > 1 else None
        if values is not None and values.bias is not None:
            name = f"{node.input[1]}_bias"
            graph.initializer.append(numpy_helper.from_array(values.bias, name))
            node.input[:] = [*node.input[:2], name]
    remove_unused_constants(graph)


def _store_in_16_bit(weight: _Weight) -> None:
    if _count(weight.tensor) < _FEWEST_IN_16_BIT:
        return
    if add_in_16_bit(weight.graph, weight.tensor.name, numpy_helper.to_array(weight.tensor)):
        weight.graph.initializer.remove(weight.tensor)


def add_dequantized(graph: onnx.GraphProto, name: str, integers: NDArray[np.int8], scales: NDArray[np.float32]) -> None:
    """Add a tensor that onnxruntime computes from its 8-bit integers once, when it loads the file.

    Args:
        graph: is changed.
        name: of the tensor.
        integers: its values divided by the scales.
        scales: in a shape that broadcasts to it.
    """
    graph.initializer.append(numpy_helper.from_array(integers, f"{name}_int8"))
    graph.initializer.append(numpy_helper.from_array(scales, f"{name}_scale"))
    graph.node.insert(0, helper.make_node("Mul", [f"{name}_float", f"{name}_scale"], [name], name=f"{name}_mul"))
    graph.node.insert(
        0, helper.make_node("Cast", [f"{name}_int8"], [f"{name}_float"], to=TensorProto.FLOAT, name=f"{name}_cast")
    )


def add_in_16_bit(graph: onnx.GraphProto, name: str, values: NDArray[np.float32]) -> bool:
    """Add a tensor that onnxruntime computes from 16-bit floats once, when it loads the file.

    Args:
        graph: is changed.
        name: of the tensor.
        values: it approximates, to 11 significant bits.

    Returns:
        False where they are too large or too small for that; nothing is added.
    """
    with np.errstate(over="ignore"):
        half = values.astype(np.float16)
    if not np.allclose(half.astype(np.float32), values, rtol=2**-10, atol=2**-14 * float(np.abs(values).max())):
        return False
    graph.initializer.append(numpy_helper.from_array(half, f"{name}_half"))
    cast = helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT, name=f"{name}_cast")
    graph.node.insert(0, cast)
    return True


def quantize_per_channel(weights: NDArray[np.float32], *, axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Symmetric 8-bit integers in -127 to 127, with a scale for each channel of ``axis``.

    Returns:
        The integers, of the shape of ``weights``, and the scales, which broadcast to it.
    """
    others = tuple(other for other in range(weights.ndim) if other != axis)
    abs_max = np.abs(weights).max(axis=others, keepdims=True)
    scales = np.where(abs_max > 0, abs_max / 127, 1).astype(np.float32)
    return np.clip(np.rint(weights / scales), -127, 127).astype(np.int8), scales


def _is_float(tensor: TensorProto) -> bool:
    return tensor.data_type == TensorProto.FLOAT


def _count(tensor: TensorProto) -> int:
    return int(np.prod(tensor.dims))

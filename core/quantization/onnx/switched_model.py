"""One float model with an input that selects the precision of each layer, in simulated 8 bit."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from core.onnx_model.graph import copy_model
from core.quantization.observers.ranges import UINT8_STEPS, Range
from core.quantization.onnx.excluded_nodes import CLIP_LIMITS, clip_limit_constants
from core.quantization.onnx.layers import QuantizableLayer
from core.quantization.onnx.quantize_weights import QuantizedWeights

SWITCHES = "__precisions"
"""Name of the added input: int32, shape (layers,), each one of the three below."""

FLOAT, W8A32, W8A8 = 0, 1, 2
"""In float; 8-bit weights and float arithmetic; weights and activations in 8 bit."""

_FLOAT, _W8A32, _W8A8 = "__float", "__w8a32", "__w8a8"
_PROBABILITY_OPERATORS = ("Softmax", "LogSoftmax")


def add_switches(
    model: onnx.ModelProto,
    weights: Mapping[QuantizableLayer, QuantizedWeights],
    ranges: Mapping[str, Range],
    *,
    weight_only: Mapping[QuantizableLayer, QuantizedWeights] | None = None,
    logits: bool = True,
) -> onnx.ModelProto:
    """A copy of the model in which :data:`SWITCHES` selects the precision in which each layer computes.

    Args:
        model: in float; it is not changed.
        weights: layer -> the values it computes with in 8 bit, in the order of the switches.
        weight_only: likewise for float arithmetic; the same if None.
        ranges: of the tensors around the layers; what has none stays exact.
        logits: whether a last Softmax is left out: near a tie, probabilities do not show the error.
    """
    switched = copy_model(model)
    graph = switched.graph
    graph.input.append(helper.make_tensor_value_info(SWITCHES, TensorProto.INT32, [len(weights)]))
    numbers = {layer.node: number for number, layer in enumerate(weights)}
    values = {layer.node: (quantized, (weight_only or weights)[layer]) for layer, quantized in weights.items()}
    nodes = list(graph.node)
    del graph.node[:]
    for node in nodes:
        if node.name not in values:
            graph.node.append(node)
            continue
        has_bias = all(one.bias is not None for one in values[node.name])
        for one, rung in zip(values[node.name], (_W8A8, _W8A32), strict=True):
            _append_values(graph, f"{node.name}{rung}", one)
        _append_selected(graph, node, ranges, numbers[node.name], has_bias=has_bias)
    graph.initializer.extend(clip_limit_constants())
    graph.initializer.extend(
        numpy_helper.from_array(np.array(rung, np.int32), name) for rung, name in ((FLOAT, _FLOAT), (W8A32, _W8A32))
    )
    if logits:
        _output_logits(graph)
    return switched


def _output_logits(graph: onnx.GraphProto) -> None:
    """Give the inputs of a last Softmax instead of its outputs."""
    makers = {output: node for node in graph.node for output in node.output}
    for value in graph.output:
        maker = makers.get(value.name)
        if maker is not None and maker.op_type in _PROBABILITY_OPERATORS:
            value.name = maker.input[0]


def _append_values(graph: onnx.GraphProto, name: str, values: QuantizedWeights) -> None:
    graph.initializer.append(numpy_helper.from_array(values.weights.astype(np.float32), f"{name}_rounded"))
    if values.bias is not None:
        graph.initializer.append(numpy_helper.from_array(values.bias.astype(np.float32), f"{name}_bias"))


def _append_selected(
    graph: onnx.GraphProto, node: onnx.NodeProto, ranges: Mapping[str, Range], number: int, *, has_bias: bool
) -> None:
    """The node, with a selection before each of its inputs and after its output."""
    name, result = node.name, node.output[0]
    graph.initializer.append(numpy_helper.from_array(np.array(number, np.int64), f"{name}__number"))
    graph.node.append(helper.make_node("Gather", [SWITCHES, f"{name}__number"], [f"{name}__precision"]))
    weights, activations = f"{name}__weights_in_8_bit", f"{name}__activations_in_8_bit"
    for switch, below in ((weights, _FLOAT), (activations, _W8A32)):
        graph.node.append(helper.make_node("Greater", [f"{name}__precision", below], [switch]))

    def select(switch: str, in_8_bit: str, exact: str, selected: str) -> str:
        graph.node.append(helper.make_node("Where", [switch, in_8_bit, exact], [selected]))
        return selected

    data = node.input[0]
    in_8_bit = _fake_quantize(graph, data, ranges.get(data), f"{name}__input")
    if _is_rounded(ranges.get(data)):
        node.input[0] = select(activations, in_8_bit, data, f"{name}__selected_input")
    for number, kind in ((1, "rounded"), (2, "bias"))[: 2 if len(node.input) > 2 and has_bias else 1]:
        float32 = select(weights, f"{name}{_W8A32}_{kind}", node.input[number], f"{name}__{kind}_or_float")
        node.input[number] = select(activations, f"{name}{_W8A8}_{kind}", float32, f"{name}__selected_{kind}")
    covered = ranges.get(result)
    if _is_rounded(covered):
        node.output[0] = f"{name}__exact"
    graph.node.append(node)
    if _is_rounded(covered):
        output = _fake_quantize(graph, node.output[0], covered, f"{name}__output")
        select(activations, output, node.output[0], result)


def _is_rounded(covered: Range | None) -> bool:
    return covered is not None and covered[0] != covered[1]


def _fake_quantize(graph: onnx.GraphProto, tensor: str, covered: Range | None, prefix: str) -> str:
    """Append QuantizeLinear and DequantizeLinear, where the tensor has a range; return the result's name."""
    if covered is None or not _is_rounded(covered):
        return tensor
    scale = (covered[1] - covered[0]) / UINT8_STEPS
    zero = np.clip(np.rint(-covered[0] / scale), 0, UINT8_STEPS).astype(np.uint8)
    graph.initializer.append(numpy_helper.from_array(np.array(scale, np.float32), f"{prefix}_scale"))
    graph.initializer.append(numpy_helper.from_array(np.array(zero), f"{prefix}_zero"))
    scale_and_zero = [f"{prefix}_scale", f"{prefix}_zero"]
    graph.node.append(helper.make_node("QuantizeLinear", [tensor, *scale_and_zero], [f"{prefix}_integers"]))
    graph.node.append(
        helper.make_node("DequantizeLinear", [f"{prefix}_integers", *scale_and_zero], [f"{prefix}_dequantized"])
    )
    # Keeps onnxruntime from quantising the weights of the copy once more (excluded_nodes.py).
    graph.node.append(helper.make_node("Clip", [f"{prefix}_dequantized", *CLIP_LIMITS], [f"{prefix}_clipped"]))
    return f"{prefix}_clipped"

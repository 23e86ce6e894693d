"""One float model that holds every layer twice, exact and in simulated 8 bit, and an input that selects."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from core.onnx_model.graph import copy_model, copy_node
from core.quantization.observers.ranges import UINT8_STEPS, Range
from core.quantization.onnx.excluded_nodes import CLIP_LIMITS, clip_limit_constants
from core.quantization.onnx.layers import QuantizableLayer
from core.quantization.onnx.quantize_weights import QuantizedWeights

SWITCHES = "__in_8_bit"
"""Name of the added input: bool, shape (layers,), true where a layer is in 8 bit."""

_PROBABILITY_OPERATORS = ("Softmax", "LogSoftmax")


def add_switches(
    model: onnx.ModelProto,
    weights: Mapping[QuantizableLayer, QuantizedWeights],
    ranges: Mapping[str, Range],
    *,
    logits: bool = True,
) -> onnx.ModelProto:
    """A copy of the model in which :data:`SWITCHES` selects the layers that compute in simulated 8 bit.

    Args:
        model: in float; it is not changed.
        weights: layer -> the values it computes with in 8 bit, in the order of the switches.
        ranges: of the tensors around the layers; what has none stays exact.
        logits: whether a last Softmax is left out: near a tie, probabilities do not show the error.
    """
    switched = copy_model(model)
    graph = switched.graph
    graph.input.append(helper.make_tensor_value_info(SWITCHES, TensorProto.BOOL, [len(weights)]))
    numbers = {layer.node: number for number, layer in enumerate(weights)}
    values = {layer.node: quantized for layer, quantized in weights.items()}
    nodes = list(graph.node)
    del graph.node[:]
    for node in nodes:
        if node.name not in values:
            graph.node.append(node)
            continue
        _append_values(graph, node.name, values[node.name])
        _append_both(graph, node, ranges, numbers[node.name], has_bias=values[node.name].bias is not None)
    graph.initializer.extend(clip_limit_constants())
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
    graph.initializer.append(numpy_helper.from_array(values.weights.astype(np.float32), f"{name}__rounded"))
    if values.bias is not None:
        graph.initializer.append(numpy_helper.from_array(values.bias.astype(np.float32), f"{name}__bias"))


def _append_both(
    graph: onnx.GraphProto, node: onnx.NodeProto, ranges: Mapping[str, Range], number: int, *, has_bias: bool
) -> None:
    """The node itself, its 8-bit copy, and the selection between their outputs."""
    name, result = node.name, node.output[0]
    quantized = copy_node(node)
    quantized.name = f"{name}__quantized"
    quantized.input[0] = _fake_quantize(graph, node.input[0], ranges.get(node.input[0]), f"{name}__input")
    quantized.input[1] = f"{name}__rounded"
    if len(quantized.input) > 2 and has_bias:
        quantized.input[2] = f"{name}__bias"
    quantized.output[0] = f"{name}__8_bit"
    graph.node.append(quantized)
    output = _fake_quantize(graph, quantized.output[0], ranges.get(result), f"{name}__output")
    node.output[0] = f"{name}__exact"
    graph.node.append(node)
    graph.initializer.append(numpy_helper.from_array(np.array(number, np.int64), f"{name}__number"))
    graph.node.append(helper.make_node("Gather", [SWITCHES, f"{name}__number"], [f"{name}__switch"]))
    graph.node.append(helper.make_node("Where", [f"{name}__switch", output, node.output[0]], [result]))


def _fake_quantize(graph: onnx.GraphProto, tensor: str, covered: Range | None, prefix: str) -> str:
    """Append QuantizeLinear and DequantizeLinear, where the tensor has a range; return the result's name."""
    if covered is None or covered[0] == covered[1]:
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

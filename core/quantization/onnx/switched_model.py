"""One float model with an input that selects the precision of each layer, in simulated 8 bit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from core.onnx_model.graph import copy_model, copy_node, remove_unused_constants
from core.quantization.observers.ranges import UINT8_STEPS, Range
from core.quantization.onnx.excluded_nodes import CLIP_LIMITS, clip_limit_constants
from core.quantization.onnx.layers import QuantizableLayer
from core.quantization.onnx.quantize_weights import QuantizedWeights

SWITCHES = "__precisions"
"""Name of the added input: int32, shape (layers,), each one of the three below."""

FLOAT, W8A32, W8A8 = 0, 1, 2
"""In float; 8-bit weights and float arithmetic; weights and activations in 8 bit."""

_FLOAT, _W8A32 = "__float", "__w8a32"
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
    layers = {
        layer.node: _Switched(number, layer, weights, weight_only or weights) for number, layer in enumerate(weights)
    }
    constants = {tensor.name: tensor for tensor in graph.initializer}
    nodes = list(graph.node)
    del graph.node[:]
    for node in nodes:
        if node.name in layers:
            graph.node.extend(_select(node, layers[node.name], ranges, constants))
        else:
            graph.node.append(node)
    for number in range(len(layers)):
        graph.initializer.append(numpy_helper.from_array(np.array(number, np.int64), f"{SWITCHES}_{number}"))
    graph.initializer.extend(clip_limit_constants())
    graph.initializer.extend(
        numpy_helper.from_array(np.array(rung, np.int32), name) for rung, name in ((FLOAT, _FLOAT), (W8A32, _W8A32))
    )
    remove_unused_constants(graph)
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


@dataclass(frozen=True)
class _Switched:
    """One layer with the values of each precision."""

    number: int
    layer: QuantizableLayer
    weights: Mapping[QuantizableLayer, QuantizedWeights]
    weight_only: Mapping[QuantizableLayer, QuantizedWeights]

    def values(self, precision: int) -> QuantizedWeights | None:
        """None in float."""
        return {W8A8: self.weights, W8A32: self.weight_only}[precision][self.layer] if precision != FLOAT else None


def _select(
    node: onnx.NodeProto, switched: _Switched, ranges: Mapping[str, Range], constants: Mapping[str, TensorProto]
) -> Iterator[onnx.NodeProto]:
    """The layer in each precision, in branches of which one is run.

    Constants lie in the branches, where onnxruntime packs them when it loads the model: with one layer behind
    selections of its inputs, a run took sixteen times as long as in float.
    """
    name = node.name
    yield helper.make_node("Gather", [SWITCHES, f"{SWITCHES}_{switched.number}"], [f"{name}__precision"])
    for test, below in (("weights", _FLOAT), ("activations", _W8A32)):
        yield helper.make_node("Greater", [f"{name}__precision", below], [f"{name}__{test}_in_8_bit"])
    in_float, weight_only, in_8_bit = (
        _branch(node, switched.values(rung), ranges if rung == W8A8 else {}, constants, f"{name}__{rung}")
        for rung in (FLOAT, W8A32, W8A8)
    )
    inner = helper.make_node(
        "If", [f"{name}__weights_in_8_bit"], [f"{name}__in_float"], then_branch=weight_only, else_branch=in_float
    )
    others = helper.make_graph([inner], f"{name}__others", [], [_of_any_shape(inner.output[0])])
    yield helper.make_node(
        "If", [f"{name}__activations_in_8_bit"], [node.output[0]], then_branch=in_8_bit, else_branch=others
    )


def _of_any_shape(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, None)


def _branch(
    node: onnx.NodeProto,
    values: QuantizedWeights | None,
    ranges: Mapping[str, Range],
    constants: Mapping[str, TensorProto],
    prefix: str,
) -> onnx.GraphProto:
    """The layer with its constants in one precision.

    Args:
        node: the layer in float.
        values: its weights and bias; its own if None.
        ranges: of the tensors around it that are rounded.
        constants: of the model.
        prefix: of all names that are made.
    """
    branch = onnx.GraphProto(name=prefix)
    own = copy_node(node)
    own.name = prefix
    data, result = node.input[0], node.output[0]
    own.input[0] = _fake_quantize(branch, data, ranges.get(data), f"{prefix}_input")
    own.output[0] = f"{prefix}_exact"
    rounded = () if values is None else (values.weights, values.bias)
    for index in range(1, len(node.input)):
        array = rounded[index - 1] if index <= len(rounded) else None
        if array is not None:
            tensor = numpy_helper.from_array(array.astype(np.float32))
        elif node.input[index] in constants:
            tensor = TensorProto()
            tensor.CopyFrom(constants[node.input[index]])
        else:
            continue
        tensor.name = own.input[index] = f"{prefix}_{index}"
        branch.initializer.append(tensor)
    branch.node.append(own)
    output = _fake_quantize(branch, own.output[0], ranges.get(result), f"{prefix}_output")
    branch.output.append(_of_any_shape(output))
    return branch


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

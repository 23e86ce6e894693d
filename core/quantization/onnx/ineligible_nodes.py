"""Nodes that cannot compute in 8 bit, since a tensor of theirs has no range or must not be clipped."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import onnx

from core.onnx_model.graph import attributes, is_finite, names_read, subgraphs

_MATRIX_AXES = 2
_BIAS = 2
"""Number of a Gemm's input."""

_ACTIVATIONS = ("Relu", "Clip")


def ineligible_nodes(model: onnx.ModelProto, operators: Collection[str], measured: Collection[str]) -> list[str]:
    """Names of nodes that onnxruntime's quantiser would get wrong, so that they stay in float.

    They read or write tensors without a known range (not float32, not finite, or always empty); or they are activations
    whose input is an output of the model too, which the quantiser would clip as the activation does; or activations
    that branches read, in which the quantiser replaces nothing when it folds an activation into the layer before; or a
    Gemm whose bias it would misread.

    Args:
        model: its nodes have unique names.
        operators: types of the nodes to quantise.
        measured: tensors with a range.
    """
    shapes = _shapes(model)
    known = {
        tensor.name
        for tensor in model.graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT and 0 not in tensor.dims and is_finite(tensor)
    }
    known |= set(measured)
    outputs = {value.name for value in model.graph.output}
    inner = {
        name
        for node in model.graph.node
        for graph in subgraphs(node)
        for each in graph.node
        for name in names_read(each)
    }
    inner |= {value.name for node in model.graph.node for graph in subgraphs(node) for value in graph.output}
    return [
        node.name
        for node in model.graph.node
        if node.op_type in operators
        and (
            not known.issuperset(_quantized_tensors(node))
            or (node.op_type in _ACTIVATIONS and (node.input[0] in outputs | inner or node.output[0] in inner))
            or (node.op_type == "Gemm" and _is_odd_gemm(node, shapes))
        )
    ]


def matrix_stacks(model: onnx.ModelProto) -> set[str]:
    """Constant weights of MatMuls that are no plain matrix; onnxruntime cannot compute with them by channel."""
    shapes = _shapes(model)
    return {
        node.input[1]
        for node in model.graph.node
        if node.op_type == "MatMul" and len(shapes.get(node.input[1], (0, 0))) != _MATRIX_AXES
    }


def grouped_transposed_weights(model: onnx.ModelProto) -> set[str]:
    """Constant weights of transposed convolutions in groups: their output channels lie along two axes."""
    shapes = _shapes(model)
    return {
        node.input[1]
        for node in model.graph.node
        if node.op_type == "ConvTranspose" and node.input[1] in shapes and attributes(node).get("group", 1) > 1
    }


def _shapes(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    return {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}


def _is_odd_gemm(node: onnx.NodeProto, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether it scales its product or its bias, or adds a constant that is not one number for each column."""
    own = attributes(node)
    if own.get("alpha", 1.0) != 1.0:
        return True
    if len(node.input) <= _BIAS or not node.input[_BIAS]:
        return False
    bias, weights = shapes.get(node.input[_BIAS]), shapes.get(node.input[1])
    if bias is None:
        return False  # a computed bias stays as it is
    columns = None if weights is None else weights[0 if own.get("transB", 0) else 1]
    return bool(own.get("beta", 1.0) != 1.0) or len(bias) != 1 or (columns is not None and bias[0] != columns)


def _quantized_tensors(node: onnx.NodeProto) -> list[str]:
    """Inputs and outputs that become 8 bit; the limits of a Clip do not."""
    return [*node.input[: 1 if node.op_type in _ACTIVATIONS else 2], node.output[0]]

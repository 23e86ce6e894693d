"""Nodes that cannot compute in 8 bit, since a tensor of theirs has no range or must not be clipped."""

from __future__ import annotations

from collections.abc import Collection

import onnx

from core.onnx_model.graph import names_read, subgraphs

_ACTIVATIONS = ("Relu", "Clip")


def ineligible_nodes(model: onnx.ModelProto, operators: Collection[str], measured: Collection[str]) -> list[str]:
    """Names of nodes that onnxruntime's quantiser would get wrong, so that they stay in float.

    They read or write tensors without a known range (not float32, or not finite); or they are activations
    whose input is an output of the model too, which the quantiser would clip as the activation does; or activations
    that branches read, in which the quantiser replaces nothing when it folds an activation into the layer before.

    Args:
        model: its nodes have unique names.
        operators: types of the nodes to quantise.
        measured: tensors with a range.
    """
    known = {tensor.name for tensor in model.graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT}
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
        )
    ]


def _quantized_tensors(node: onnx.NodeProto) -> list[str]:
    """Inputs and outputs that become 8 bit; the limits of a Clip do not."""
    return [*node.input[: 1 if node.op_type in _ACTIVATIONS else 2], node.output[0]]

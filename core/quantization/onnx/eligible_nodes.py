"""Which steps of a model may compute in 8 bit at all, whatever their ranges are."""

from __future__ import annotations

from collections.abc import Collection

import onnx

_ACTIVATIONS = ("Relu", "Clip")


def nodes_to_keep_in_float(model: onnx.ModelProto, operators: Collection[str], measured: Collection[str]) -> list[str]:
    """Names of nodes that onnxruntime's writer would get wrong, so that they stay in float.

    They read or write tensors of which no range is known, since these are no 32-bit numbers or never came out finite;
    or they are activations whose input is an answer of the model too, which the writer would cut off as the
    activation does.

    Args:
        model: whose nodes have names of their own.
        operators: types of the nodes that shall compute in 8 bit.
        measured: tensors with a range.
    """
    known = {tensor.name for tensor in model.graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT}
    known |= set(measured)
    answers = {value.name for value in model.graph.output}
    return [
        node.name
        for node in model.graph.node
        if node.op_type in operators
        and (not known.issuperset(_rounded(node)) or (node.op_type in _ACTIVATIONS and node.input[0] in answers))
    ]


def _rounded(node: onnx.NodeProto) -> list[str]:
    """What goes in and out in 8 bit; the limits of a Clip do not."""
    return [*node.input[: 1 if node.op_type in _ACTIVATIONS else 2], node.output[0]]

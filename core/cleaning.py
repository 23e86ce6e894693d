"""The gentlest cleaning of a model: what every target needs, and nothing that could go wrong or make it larger."""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper, numpy_helper

from core.source import all_nodes

_ONNX = ("", "ai.onnx")
_VALUES = {
    "value_float": TensorProto.FLOAT,
    "value_floats": TensorProto.FLOAT,
    "value_int": TensorProto.INT64,
    "value_ints": TensorProto.INT64,
}


def clean_gently(model: onnx.ModelProto) -> onnx.ModelProto:
    """Turn Constant nodes into initializers, and leave out Identity, idle Dropout and unused weights.

    Args:
        model: is changed and given back.
    """
    graph = model.graph
    _move_constants(graph)
    _remove_idle(graph)
    used = {name for node in all_nodes(graph) for name in node.input} | _subgraph_outputs(graph)
    used |= {value.name for value in graph.output}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    if len(kept) < len(graph.initializer):
        del graph.initializer[:]
        graph.initializer.extend(kept)
    del graph.value_info[:]
    return model


def _move_constants(graph: onnx.GraphProto) -> None:
    nodes = []
    for node in graph.node:
        tensor = _constant(node)
        if tensor is None:
            nodes.append(node)
        else:
            tensor.name = node.output[0]
            graph.initializer.append(tensor)
    _replace_nodes(graph, nodes)


def _constant(node: onnx.NodeProto) -> TensorProto | None:
    if node.op_type != "Constant" or node.domain not in _ONNX or not node.attribute:
        return None
    attribute = node.attribute[0]
    if attribute.name == "value":
        tensor = TensorProto()
        tensor.CopyFrom(attribute.t)
        return tensor
    if attribute.name not in _VALUES:
        return None
    dtype = helper.tensor_dtype_to_np_dtype(_VALUES[attribute.name])
    return numpy_helper.from_array(dtype.type(helper.get_attribute_value(attribute)))


def _remove_idle(graph: onnx.GraphProto) -> None:
    """Nodes that hand on what they get. One that gives an output of the model keeps that output's name, and stays."""
    outputs = {value.name for value in graph.output} | _subgraph_outputs(graph)
    inner = {name for node in graph.node for graph_ in _subgraphs(node) for name in _names(graph_)}
    sources: dict[str, str] = {}
    nodes = []
    for node in graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = sources.get(name, name)
        if _is_idle(node) and node.output[0] not in outputs | inner:
            sources[node.output[0]] = node.input[0]
        else:
            nodes.append(node)
    _replace_nodes(graph, nodes)


def _is_idle(node: onnx.NodeProto) -> bool:
    if node.domain not in _ONNX or sum(map(bool, node.output)) != 1:
        return False
    # With a third input, Dropout may be told to train.
    return node.op_type == "Identity" or (node.op_type == "Dropout" and len(node.input) < 3)


def _replace_nodes(graph: onnx.GraphProto, nodes: list[onnx.NodeProto]) -> None:
    copies = []
    for node in nodes:
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        copies.append(copy)
    del graph.node[:]
    graph.node.extend(copies)


def _subgraphs(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    return [graph for attribute in node.attribute for graph in (attribute.g, *attribute.graphs) if graph.node]


def _names(graph: onnx.GraphProto) -> set[str]:
    """Everything that a subgraph reads."""
    read = {name for node in all_nodes(graph) for name in node.input}
    return read | {value.name for value in graph.output} | _subgraph_outputs(graph)


def _subgraph_outputs(graph: onnx.GraphProto) -> set[str]:
    """A subgraph may hand out a tensor from outside as it is."""
    return {
        value.name
        for node in all_nodes(graph)
        for attribute in node.attribute
        for inner in (attribute.g, *attribute.graphs)
        for value in inner.output
    }

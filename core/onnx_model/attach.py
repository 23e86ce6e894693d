"""Put the post-processing back behind a head that was made smaller."""

from __future__ import annotations

from collections.abc import Mapping

import onnx
from onnx import version_converter

from core.onnx_model.cut import Cut
from core.onnx_model.graph import ONNX_DOMAINS, all_graphs, all_nodes, copy_model, opset


def attach_tail(head: onnx.ModelProto, cut: Cut) -> onnx.ModelProto:
    """The whole model again: a head made from that of the cut, and its tail in 32 bit.

    Args:
        head: with the names of the cut's head for its inputs and outputs, of any opset; it is not changed.
        cut: what to attach.

    Returns:
        A model with the inputs and outputs of the source, by name, order and type.

    Raises:
        RuntimeError: the tail cannot be raised to the head's opset.
    """
    tail = _renamed(with_opset(cut.tail, opset(head)), head)
    whole = copy_model(head)
    whole.ir_version = max(head.ir_version, tail.ir_version)
    known = {entry.domain for entry in whole.opset_import}
    whole.opset_import.extend(entry for entry in tail.opset_import if entry.domain not in known | ONNX_DOMAINS)
    whole.graph.node.extend(tail.graph.node)
    whole.graph.initializer.extend(tail.graph.initializer)
    whole.graph.sparse_initializer.extend(tail.graph.sparse_initializer)
    _replace_interface(whole, cut)
    return whole


def with_opset(model: onnx.ModelProto, version: int) -> onnx.ModelProto:
    """The same model for this opset; itself if it has that one.

    Raises:
        RuntimeError: onnx cannot convert one of its operators.
    """
    if opset(model) == version:
        return model
    converted = version_converter.convert_version(model, version)
    assert isinstance(converted, onnx.ModelProto)
    return converted


def _replace_interface(model: onnx.ModelProto, cut: Cut) -> None:
    typed = {value.name: value for value in model.graph.output}
    del model.graph.input[:], model.graph.output[:]
    model.graph.input.extend(cut.inputs)
    model.graph.output.extend(cut.outputs)
    # Boundary tensors were outputs with a type and a shape; they are inner tensors now.
    names = {value.name for value in (*model.graph.output, *model.graph.input, *model.graph.value_info)}
    model.graph.value_info.extend(
        value for name, value in typed.items() if name not in names and value.type.tensor_type.elem_type
    )


def _renamed(tail: onnx.ModelProto, head: onnx.ModelProto) -> onnx.ModelProto:
    """The tail with other names for what it makes itself, where the head has them too."""
    taken = {name for node in all_nodes(head.graph) for name in (*node.input, *node.output)}
    taken |= {tensor.name for graph in all_graphs(head.graph) for tensor in graph.initializer}
    kept = {value.name for value in (*tail.graph.input, *tail.graph.output)}
    own = {name for node in all_nodes(tail.graph) for name in node.output}
    own |= {tensor.name for graph in all_graphs(tail.graph) for tensor in graph.initializer}
    own |= {tensor.values.name for tensor in tail.graph.sparse_initializer}
    names = {name: _unused(name, taken | own) for name in own - kept if name in taken}
    nodes = {node.name for node in all_nodes(head.graph) if node.name}
    copy = copy_model(tail)
    for graph in all_graphs(copy.graph):
        for tensor in graph.initializer:
            tensor.name = names.get(tensor.name, tensor.name)
        for sparse in graph.sparse_initializer:
            sparse.values.name = names.get(sparse.values.name, sparse.values.name)
        for value in (*graph.input, *graph.output) if graph is not copy.graph else ():
            value.name = names.get(value.name, value.name)
    for node in all_nodes(copy.graph):
        _rename_tensors(node, names)
        if node.name in nodes:
            node.name = ""  # names of nodes are optional, but must differ
    return copy


def _rename_tensors(node: onnx.NodeProto, names: Mapping[str, str]) -> None:
    for group in (node.input, node.output):
        renamed = [names.get(name, name) for name in group]
        del group[:]
        group.extend(renamed)


def _unused(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_tail"
    return name

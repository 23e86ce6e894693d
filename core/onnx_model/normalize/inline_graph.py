"""Put the nodes of a subgraph into the graph around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import onnx

from core.onnx_model.graph import all_graphs, copy_node, subgraphs
from core.onnx_model.normalize.edit import Editor


def inline_graph(
    edit: Editor, graph: onnx.GraphProto, given: Mapping[str, str], outputs: Sequence[str]
) -> list[onnx.NodeProto]:
    """The nodes of a subgraph with names of their own, for the graph around it.

    Args:
        edit: of the model; gets the constants of the subgraph.
        graph: it is not changed.
        given: its inputs -> tensors around it.
        outputs: what its outputs are called around it; those that are called "" are left out.
    """
    names = dict(given)
    for tensor in graph.initializer:
        names[tensor.name] = edit.adopt(tensor)
    made = [name for node in graph.node for name in node.output if name]
    waiting = dict.fromkeys(made)
    behind: list[tuple[str, str]] = []
    for value, output in zip(graph.output, outputs, strict=True):
        if output and value.name in waiting:
            names[value.name] = output
            del waiting[value.name]
        elif output:  # a tensor from outside, a constant, or one that is handed out twice
            behind.append((value.name, output))
    names.update({name: edit.name(name) for name in waiting if name not in names})
    nodes = [_renamed(edit, node, names) for node in graph.node]
    return [*nodes, *(edit.node("Identity", [names.get(name, name)], output) for name, output in behind)]


def _renamed(edit: Editor, node: onnx.NodeProto, names: Mapping[str, str]) -> onnx.NodeProto:
    copy = copy_node(node)
    copy.name = edit.name(node.name) if node.name else ""
    _rename(copy, names)
    for inner in (each for graph in subgraphs(copy) for each in all_graphs(graph)):
        for nested in inner.node:
            _rename(nested, names)
        for value in inner.output:
            value.name = names.get(value.name, value.name)
    return copy


def _rename(node: onnx.NodeProto, names: Mapping[str, str]) -> None:
    node.input[:] = [names.get(name, name) for name in node.input]
    node.output[:] = [names.get(name, name) for name in node.output]

"""Small helpers for walking and editing ONNX graphs, subgraphs included."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ONNX_DOMAINS = frozenset({"", "ai.onnx"})
"""Names of the domain of ONNX's own operators."""


def copy_model(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy that can be edited without changing the original."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy


def compacted(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model without what edits left behind: of a message, protobuf frees all parts at once, or none.

    A model that onnxslim has built takes three times the memory of its weights.
    """
    return onnx.load_model_from_string(model.SerializeToString())


def copy_node(node: onnx.NodeProto) -> onnx.NodeProto:
    """A copy that can be edited without changing the original."""
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    return copy


def opset(model: onnx.ModelProto) -> int:
    """Opset version of ONNX's own operators in the model."""
    return max(int(entry.version) for entry in model.opset_import if entry.domain in ONNX_DOMAINS)


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """A node's attributes as plain Python values."""
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def replace_nodes(graph: onnx.GraphProto, nodes: Sequence[onnx.NodeProto]) -> None:
    """Make these the nodes of the graph; they may be nodes of the graph itself, in another order or selection."""
    # Deleting from a repeated field frees its messages, so references to them would dangle.
    copies = [copy_node(node) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)


def subgraphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """The branches of If, the bodies of Loop and Scan."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def all_graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """The graph itself and every subgraph, at any depth."""
    yield graph
    for node in graph.node:
        for inner in subgraphs(node):
            yield from all_graphs(inner)


def all_nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Every node of the graph and its subgraphs, at any depth."""
    for node in graph.node:
        yield node
        for inner in subgraphs(node):
            yield from all_nodes(inner)


def names_read(node: onnx.NodeProto) -> Iterator[str]:
    """Names of the tensors that a node reads, in its subgraphs too; those that a subgraph itself makes are included."""
    yield from (name for name in node.input if name)
    for graph in subgraphs(node):
        for inner in graph.node:
            yield from names_read(inner)
        yield from (value.name for value in graph.output)


_FLOATS = frozenset({TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE})


def is_finite(tensor: onnx.TensorProto) -> bool:
    """Whether a constant holds neither infinities nor NaN; no 8-bit scale can be computed from those."""
    return tensor.data_type not in _FLOATS or bool(np.isfinite(numpy_helper.to_array(tensor)).all())


def set_outputs(model: onnx.ModelProto, names: Sequence[str]) -> None:
    """Make these tensors the outputs of the model; onnxruntime infers their types."""
    del model.graph.output[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)


def remove_unused_constants(graph: onnx.GraphProto) -> None:
    """Remove the initializers that no node reads and that are no output."""
    used = {name for node in all_nodes(graph) for name in node.input} | {value.name for value in graph.output}
    for index in reversed(range(len(graph.initializer))):
        if graph.initializer[index].name not in used:
            del graph.initializer[index]

"""What rewrites share: constants of the main graph, unused names, and a walk that replaces nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from core.onnx_model.graph import ONNX_DOMAINS, all_graphs, all_nodes, copy_model, opset, replace_nodes, subgraphs

Replace: TypeAlias = Callable[[onnx.NodeProto], "Sequence[onnx.NodeProto] | None"]
"""The nodes that take the place of one; None: it stays. Subgraphs are done before the node that holds them."""


class Editor:
    """Reads constants of a model, adds new ones, and finds names that are not taken.

    Args:
        model: is edited; constants are those of its main graph, which subgraphs see too.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.opset = opset(model)
        self._tensors = {tensor.name: tensor for tensor in model.graph.initializer}
        for node in model.graph.node:
            if node.op_type == "Constant" and node.domain in ONNX_DOMAINS and len(node.output) == 1:
                self._tensors.update((node.output[0], one.t) for one in node.attribute if one.name == "value")
        self._values: dict[str, NDArray[Any] | None] = {}
        self._taken = set(_names(model.graph))

    def read(self, name: str) -> NDArray[Any] | None:
        """A constant; None for what is computed, missing or damaged, and for data that was left out."""
        if name not in self._values:
            self._values[name] = _read(self._tensors.get(name))
        return self._values[name]

    def tensor(self, name: str) -> onnx.TensorProto | None:
        """A constant as the file holds it, perhaps without its data; None for what is computed."""
        return self._tensors.get(name)

    def name(self, like: str) -> str:
        """A name for a tensor or a node that nothing has yet."""
        number, name = 0, like
        while name in self._taken:
            number, name = number + 1, f"{like}_{number + 1}"
        self._taken.add(name)
        return name

    def constant(self, values: NDArray[Any], like: str) -> str:
        """Add a constant.

        Returns:
            Its name.
        """
        name = self.name(like)
        self.model.graph.initializer.append(numpy_helper.from_array(np.array(values), name))
        self._tensors[name] = self.model.graph.initializer[-1]
        self._values[name] = values
        return name

    def empty(self, dims: Sequence[int], kind: int, like: str) -> str:
        """Add a constant of an element type without its data, to a model whose data was left out.

        Returns:
            Its name.
        """
        return self.adopt(onnx.TensorProto(name=like, dims=dims, data_type=kind))

    def adopt(self, tensor: onnx.TensorProto) -> str:
        """Add a constant of a subgraph.

        Returns:
            Its name in the main graph.
        """
        copy = onnx.TensorProto()
        copy.CopyFrom(tensor)
        copy.name = self.name(tensor.name)
        self.model.graph.initializer.append(copy)
        self._tensors[copy.name] = copy
        return str(copy.name)

    def node(self, operator: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> onnx.NodeProto:
        """A node of ONNX's own domain with one output, which gets a new name where none is given."""
        output = output or self.name(f"{operator.lower()}_of_{inputs[0] or 'nothing'}")
        return helper.make_node(operator, list(inputs), [output], name=self.name(f"{output}/{operator}"), **attributes)


def rewrite_nodes(graph: onnx.GraphProto, replace: Replace) -> bool:
    """Replace nodes of a graph and of its subgraphs.

    Returns:
        Whether any was replaced.
    """
    changed, nodes = False, list[onnx.NodeProto]()
    for node in graph.node:
        for inner in subgraphs(node):
            changed |= rewrite_nodes(inner, replace)
        found = replace(node)
        changed |= found is not None
        nodes.extend([node] if found is None else found)
    if changed:
        replace_nodes(graph, nodes)
    return changed


def is_plain(node: onnx.NodeProto, *operators: str) -> bool:
    """Whether it is one of these operators of ONNX's own domain."""
    return node.op_type in operators and node.domain in ONNX_DOMAINS


def drop_unused(model: onnx.ModelProto) -> None:
    """Remove constants and foreign opsets that nothing uses any more."""
    graph = model.graph
    read = {name for node in all_nodes(graph) for name in node.input}
    read |= {value.name for each in all_graphs(graph) for value in each.output}
    kept = [tensor for tensor in graph.initializer if tensor.name in read]
    if len(kept) < len(graph.initializer):
        copies = onnx.GraphProto(initializer=kept)
        del graph.initializer[:]
        graph.initializer.extend(copies.initializer)
    domains = {node.domain for node in all_nodes(graph)} | ONNX_DOMAINS
    domains |= {domain for function in model.functions for domain in (function.domain, *_domains(function.node))}
    opsets = [(entry.domain, entry.version) for entry in model.opset_import if entry.domain in domains]
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(*entry) for entry in opsets)


def without_unused_inputs(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model without inputs that nothing reads; itself where all are read, or none."""
    read = {name for node in all_nodes(model.graph) for name in node.input}
    read |= {value.name for value in model.graph.output}
    kept = [value for value in model.graph.input if value.name in read]
    if not kept or len(kept) == len(model.graph.input):
        return model
    copy = copy_model(model)
    del copy.graph.input[:]
    copy.graph.input.extend(kept)
    return copy


def _domains(nodes: Iterable[onnx.NodeProto]) -> set[str]:
    return {node.domain for node in nodes}


def _names(graph: onnx.GraphProto) -> Iterable[str]:
    for each in all_graphs(graph):
        yield from (value.name for value in (*each.input, *each.output, *each.value_info))
        yield from (tensor.name for tensor in each.initializer)
        yield from (tensor.values.name for tensor in each.sparse_initializer)
    for node in all_nodes(graph):
        yield node.name
        yield from node.input
        yield from node.output


def _read(tensor: onnx.TensorProto | None) -> NDArray[Any] | None:
    if tensor is None or tensor.data_location == onnx.TensorProto.EXTERNAL:
        return None
    try:
        return numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError):  # damaged, or its data was dropped
        return None

"""Helpers of the rewrites for onnx-ir graphs: shapes, constants, new initializers and attributes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from core.onnx_model.graph import ONNX_DOMAINS


def static_shape(value: ir.Value | None) -> tuple[int, ...]:
    """The shape of a tensor; empty where a dimension is unknown."""
    shape = None if value is None else value.shape
    return shape.numpy() if shape is not None and shape.is_static() else ()


def constant(node: ir.Node, index: int) -> NDArray[Any] | None:
    """The constant value of a node's input, or None where it is left out or computed."""
    value = node.inputs[index] if index < len(node.inputs) else None
    producer = None if value is None else value.producer()
    tensor = None if value is None else value.const_value
    if producer is not None and producer.op_type == "Constant":
        # Not by onnx-ir's get_const_tensor: it writes a name into the tensor, which is shared with the source.
        tensor = producer.attributes.get_tensor("value", None)
    return None if tensor is None else tensor.numpy()


def add_weight(graph: ir.Graph, name: str, numbers: NDArray[Any]) -> ir.Value:
    """Add an initializer.

    Raises:
        ValueError: the graph has one of this name already.
    """
    tensor = ir.tensor(np.asarray(numbers, order="C"), name=name)
    value = ir.Value(name=name, shape=ir.Shape(numbers.shape), type=ir.TensorType(tensor.dtype), const_value=tensor)
    graph.register_initializer(value)
    return value


def set_ints(node: ir.Node, **numbers: Sequence[int]) -> None:
    """Set attributes that are lists of integers."""
    for name, values in numbers.items():
        node.attributes.add(ir.AttrInt64s(name, values))


def scalar(node: ir.Node, index: int) -> float | None:
    """The constant value of an input that holds one number, or None."""
    numbers = constant(node, index)
    return None if numbers is None or numbers.size != 1 else float(numbers.reshape(-1)[0])


def only_reader(value: ir.Value) -> ir.Node | None:
    """The node that alone reads a tensor, once; None where the tensor is an output of the model too."""
    uses = tuple(value.uses())
    return uses[0].node if len(uses) == 1 and not value.is_graph_output() else None


def opset_of(graph: ir.Graph) -> int:
    """The version of ONNX's own operators."""
    return max(version for domain, version in graph.opset_imports.items() if domain in ONNX_DOMAINS)


def rewrite_nodes(graph: ir.Graph, rules: Mapping[str, Callable[[ir.Graph, ir.Node], bool]]) -> bool:
    """Apply the rule of its operator to each node, new ones excepted.

    Args:
        graph: it is changed.
        rules: operator -> what rewrites one node, and returns whether it did.

    Returns:
        Whether anything was changed.
    """
    changed = False
    for node in tuple(graph):
        if node.op_type in rules:
            changed |= rules[node.op_type](graph, node)
    return changed


class Replacement:
    """Nodes that take the place of one node, and the constants that they need.

    Args:
        graph: the graph of the node.
        node: the node; its first output gives the new tensors their names.
    """

    def __init__(self, graph: ir.Graph, node: ir.Node) -> None:
        self._graph = graph
        self._node = node
        self._nodes: list[ir.Node] = []
        self._count = 0

    def _name(self) -> str:
        self._count += 1
        return f"{self._node.outputs[0].name}_pnnx{self._count}"

    def constant(self, numbers: Any, dtype: Any = np.float32) -> ir.Value:
        """Add an initializer.

        Raises:
            ValueError: its name is taken.
        """
        return add_weight(self._graph, self._name(), np.asarray(numbers, dtype))

    def add(self, operator: str, *inputs: ir.Value | None, **attributes: Any) -> ir.Value:
        """Add a node with one output, and return that."""
        name = self._name()
        value = ir.Value(name=name)
        self._nodes.append(ir.node(operator, list(inputs), attributes, outputs=[value], name=name))
        return value

    def reshape(self, value: ir.Value, shape: Sequence[int]) -> ir.Value:
        """Reshape; to one row by a Flatten, after which pnnx recognises a fully connected layer."""
        if len(shape) == 2 and shape[0] == 1:
            return self.add("Flatten", value, axis=1)
        return self.add("Reshape", value, self.constant(shape, np.int64))

    def finish(self, value: ir.Value) -> bool:
        """Put the nodes in; ``value`` replaces the first output of the replaced node.

        Returns:
            True, since the graph was changed.
        """
        if value.producer() not in self._nodes:  # a tensor from elsewhere keeps its name
            value = self.add("Identity", value)
        old, shape, type_ = self._node.outputs[0], self._node.outputs[0].shape, self._node.outputs[0].type
        if self._node.name:
            value.producer().name = self._node.name  # type: ignore[union-attr]
        ir.convenience.replace_nodes_and_values(self._graph, self._node, [self._node], self._nodes, [old], [value])
        value.shape, value.type = shape, type_
        return True

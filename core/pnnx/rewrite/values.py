"""Helpers of the rewrites for onnx-ir graphs: shapes, constants, new initializers and attributes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray


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
    tensor = ir.tensor(np.ascontiguousarray(numbers), name=name)
    value = ir.Value(name=name, shape=ir.Shape(numbers.shape), type=ir.TensorType(tensor.dtype), const_value=tensor)
    graph.register_initializer(value)
    return value


def set_ints(node: ir.Node, **numbers: Sequence[int]) -> None:
    """Set attributes that are lists of integers."""
    for name, values in numbers.items():
        node.attributes.add(ir.AttrInt64s(name, values))

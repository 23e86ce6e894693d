"""Reductions as pnnx reads them: Max and Min over one axis at a time, and axes as an attribute, not as an input."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from core.pnnx.rewrite.values import Replacement, constant, static_shape


def reduce_one_axis_at_a_time(graph: ir.Graph) -> bool:
    """Rewrite the reductions that pnnx leaves or misreads.

    Args:
        graph: with the shapes of its tensors; it is changed.

    Returns:
        Whether there was any.
    """
    changed = False
    for node in tuple(graph):
        if node.op_type.startswith("Reduce"):
            changed |= _rewrite(graph, node)
    return changed


def _axes(node: ir.Node, rank: int) -> list[int] | None:
    """Of a reduction, from 0 on and sorted; None where they are computed, or there are none."""
    given = constant(node, 1)
    axes = given.reshape(-1).tolist() if given is not None else node.attributes.get_ints("axes")
    return None if not axes or not rank else sorted({int(axis) % rank for axis in axes})


def _rewrite(graph: ir.Graph, node: ir.Node) -> bool:
    value, shape = node.inputs[0], static_shape(node.inputs[0])
    axes = _axes(node, len(shape))
    if value is None or axes is None:
        return False
    new, keeps = Replacement(graph, node), bool(node.attributes.get_int("keepdims", 1))
    result = [1 if axis in axes else size for axis, size in enumerate(shape)]
    if node.op_type in ("ReduceMax", "ReduceMin") and len(axes) > 1:
        value = _extreme(new, node.op_type, value, axes, len(shape))
    elif node.op_type == "ReduceSum" and len(axes) == 1:
        # pnnx ignores a single axis that is an input, and an attribute is not allowed here.
        value = new.add("Mul", new.add("ReduceMean", value, axes=axes, keepdims=1), new.constant(shape[axes[0]]))
    elif node.op_type != "ReduceSum" and len(node.inputs) > 1:
        return new.finish(new.add(node.op_type, value, axes=axes, keepdims=int(keeps)))
    else:
        return False
    return new.finish(value if keeps else new.reshape(value, _without(result, axes)))


def _extreme(new: Replacement, operator: str, value: ir.Value, axes: Sequence[int], rank: int) -> ir.Value:
    if operator == "ReduceMax" and rank == 4 and list(axes) == [2, 3]:
        return new.add("GlobalMaxPool", value)
    for axis in axes:
        value = new.add(operator, value, axes=[axis], keepdims=1)
    return value


def _without(shape: Sequence[int], axes: Sequence[int]) -> list[int]:
    return [size for axis, size in enumerate(shape) if axis not in axes]

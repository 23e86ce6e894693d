"""Tile as a Concat of the tensor with itself, and Expand with its whole shape."""

from __future__ import annotations

import onnx_ir as ir

from core.pnnx.rewrite.values import Replacement, constant, rewrite_nodes, static_shape

_MOST_COPIES = 16


def repeat_by_concat(graph: ir.Graph) -> bool:
    """Rewrite Tile, which ncnn's converter leaves as it is, and Expand, whose shape it takes literally.

    Args:
        graph: with the shapes of its tensors; it is changed.

    Returns:
        Whether there was any.

    Raises:
        ValueError: the name of a new constant is taken.
    """
    return rewrite_nodes(graph, {"Tile": _tile, "Expand": _expand})


def _tile(graph: ir.Graph, node: ir.Node) -> bool:
    value, shape, result = node.inputs[0], static_shape(node.inputs[0]), static_shape(node.outputs[0])
    if value is None or not shape or len(shape) != len(result) or not all(shape):
        return False
    new = Replacement(graph, node)
    repeats = [after // before for before, after in zip(shape, result, strict=True)]
    if all(count == 1 or before == 1 for count, before in zip(repeats, shape, strict=True)):
        if max(repeats) == 1:
            return new.finish(new.add("Identity", value))
        return new.finish(new.add("Expand", value, new.constant(result, "int64")))
    if max(repeats) > _MOST_COPIES:
        return False
    for axis, count in enumerate(repeats):
        if count > 1:
            value = new.add("Concat", *[value] * count, axis=axis)
    return new.finish(value)


def _expand(graph: ir.Graph, node: ir.Node) -> bool:
    value, given = node.inputs[0], constant(node, 1)
    shape, result = static_shape(value), static_shape(node.outputs[0])
    if value is None or given is None or not shape or not result:
        return False
    new = Replacement(graph, node)
    if shape == result:
        return new.finish(new.add("Identity", value))
    if len(shape) != len(result) or tuple(given.tolist()) == result:
        return False
    return new.finish(new.add("Expand", value, new.constant(result, "int64")))

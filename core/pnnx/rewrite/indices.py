"""Constant indices and steps, of which ncnn knows only ranges: slices, joined again where there are several."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from core.pnnx.rewrite.values import Replacement, constant, rewrite_nodes, static_shape

_MOST_RANGES = 16


def indices_to_slices(graph: ir.Graph) -> bool:
    """Rewrite a Gather with constant indices and a Slice with steps.

    Args:
        graph: with the shapes of its tensors; it is changed.

    Returns:
        Whether there was any.

    Raises:
        ValueError: the name of a new constant is taken.
    """
    return rewrite_nodes(graph, {"Gather": _gather, "Slice": _slice})


def _gather(graph: ir.Graph, node: ir.Node) -> bool:
    value, indices, shape = node.inputs[0], constant(node, 1), static_shape(node.inputs[0])
    result = static_shape(node.outputs[0])
    if value is None or indices is None or indices.ndim > 1 or not shape or not indices.size:
        return False
    if constant(node, 0) is not None or value.dtype != ir.DataType.FLOAT:
        return False
    axis = node.attributes.get_int("axis", 0) % len(shape)
    new = Replacement(graph, node)
    picked = _pick(new, value, axis, [int(index) % shape[axis] for index in indices.reshape(-1)], shape[axis])
    if picked is None:
        return False
    return new.finish(picked if indices.ndim else new.reshape(picked, result))


def _pick(new: Replacement, value: ir.Value, axis: int, indices: Sequence[int], size: int) -> ir.Value | None:
    """The given places of an axis, as ranges; None where there would be too many."""
    ranges: list[list[int]] = []
    for index in indices:
        if ranges and index == ranges[-1][1]:
            ranges[-1][1] += 1
        else:
            ranges.append([index, index + 1])
    if len(ranges) > _MOST_RANGES:
        return None
    if ranges == [[0, size]]:
        return new.add("Identity", value)
    pieces = [_range(new, value, axis, first, last) for first, last in ranges]
    return pieces[0] if len(pieces) == 1 else new.add("Concat", *pieces, axis=axis)


def _range(new: Replacement, value: ir.Value, axis: int, first: int, last: int) -> ir.Value:
    return new.add("Slice", value, *(new.constant([number], np.int64) for number in (first, last, axis, 1)))


def _slice(graph: ir.Graph, node: ir.Node) -> bool:
    value, shape = node.inputs[0], static_shape(node.inputs[0])
    starts, ends, axes, steps = (constant(node, index) for index in (1, 2, 3, 4))
    if value is None or starts is None or ends is None or not shape or value.dtype != ir.DataType.FLOAT:
        return False
    places = range(len(starts)) if axes is None else [int(axis) % len(shape) for axis in axes]
    strides = [1] * len(starts) if steps is None else [int(step) for step in steps]
    if axes is not None and all(step == 1 for step in strides):
        return False
    new = Replacement(graph, node)
    for axis, first, last, step in zip(places, starts, ends, strides, strict=True):
        indices = range(shape[axis])[slice(int(first), _end(int(last), step), step)]
        taken = _strided(new, value, axis, indices, shape)
        if taken is None:
            return False
        value = taken
    return new.finish(value)


def _end(last: int, step: int) -> int | None:
    """Of a Python slice: what lies before the first element when going down has no number there."""
    return None if step < 0 and last < -(1 << 30) else last


def _strided(new: Replacement, value: ir.Value, axis: int, indices: range, shape: Sequence[int]) -> ir.Value | None:
    if not indices:
        return None
    if indices.step > 1 and len(indices) > 1 and len(shape) == 4 and axis >= 2:
        # A pooling over one pixel with a stride takes each n-th row or column.
        strides = [indices.step if other == axis else 1 for other in (2, 3)]
        span = value if not indices.start else _range(new, value, axis, indices.start, shape[axis])
        pooled = new.add("MaxPool", span, kernel_shape=[1, 1], strides=strides)
        return pooled if indices[-1] + indices.step >= shape[axis] else _range(new, pooled, axis, 0, len(indices))
    return _pick(new, value, axis, list(indices), shape[axis])

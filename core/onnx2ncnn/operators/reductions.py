"""Reductions over any axes, and the places of the largest values."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from core.onnx2ncnn import arithmetic
from core.onnx2ncnn.arithmetic import above, binary, inverted, scalar, unary
from core.onnx2ncnn.axes import matrices
from core.onnx2ncnn.builder import MAX_AXES, Blob, Builder
from core.onnx2ncnn.node import Node, NotExpressible, operator

SUM, MEAN, LARGEST, SMALLEST, PRODUCT, L1 = 0, 3, 4, 5, 6, 7
"""``operation`` of ncnn's Reduction."""

_KINDS = {
    "ReduceSum": SUM,
    "ReduceMean": MEAN,
    "ReduceMax": LARGEST,
    "ReduceMin": SMALLEST,
    "ReduceProd": PRODUCT,
    "ReduceL1": L1,
}


def reduced(builder: Builder, kind: int, blob: Blob, shape: Sequence[int], axes: Sequence[int]) -> Blob:
    """Reduce some axes to the size 1.

    Args:
        builder: gets the layers.
        kind: one of the operations above, which may be done over one axis after another.
        blob: the tensor's values.
        shape: of the tensor.
        axes: to be reduced.
    """
    groups: list[tuple[bool, int]] = []
    for axis, size in enumerate(shape):
        is_reduced = axis in axes
        if groups and groups[-1][0] == is_reduced:
            groups[-1] = (is_reduced, groups[-1][1] * size)
        elif size > 1:
            groups.append((is_reduced, size))
    wanted = [index for index, (is_reduced, _) in enumerate(groups) if is_reduced]
    if not wanted:
        return unary(builder, arithmetic.ABS, blob) if kind == L1 else blob
    if len(groups) <= MAX_AXES:
        view = blob.view(*(size for _, size in groups))
        return _reduction(builder, kind, view, wanted)
    sizes = [size for _, size in groups]
    for index in wanted:
        view = blob.view(math.prod(sizes[:index]), sizes[index], math.prod(sizes[index + 1 :]))
        blob, sizes[index] = _reduction(builder, kind, view, [1]), 1
    return blob


def _reduction(builder: Builder, kind: int, blob: Blob, axes: Sequence[int]) -> Blob:
    shape = tuple(1 if index in axes else size for index, size in enumerate(blob.shape))
    return builder.layer("Reduction", [blob], shape, {0: kind, 1: 0, 3: list(axes), 4: 1, 5: 1})


def _axes(node: Node) -> list[int]:
    axes = node.numbers(1, "axes")
    rank = len(node.shape())
    if not axes:
        return [] if axes is not None and node.attr("noop_with_empty_axes", 0) else list(range(rank))
    return [axis % rank for axis in axes]


@operator(*_KINDS)
def _reduce(node: Node) -> None:
    node.set(reduced(node.builder, _KINDS[node.proto.op_type], node.blob(), node.shape(), _axes(node)))


@operator("ReduceL2", "ReduceSumSquare")
def _reduce_squares(node: Node) -> None:
    squares = unary(node.builder, arithmetic.SQUARE, node.blob())
    total = reduced(node.builder, SUM, squares, node.shape(), _axes(node))
    node.set(unary(node.builder, arithmetic.SQRT, total) if node.proto.op_type == "ReduceL2" else total)


@operator("ReduceLogSum")
def _reduce_log_sum(node: Node) -> None:
    total = reduced(node.builder, SUM, node.blob(), node.shape(), _axes(node))
    node.set(unary(node.builder, arithmetic.LOG, total))


@operator("ReduceLogSumExp")
def _reduce_log_sum_exp(node: Node) -> None:
    builder, shape, axes = node.builder, node.shape(), _axes(node)
    kept = tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    highest = reduced(builder, LARGEST, node.blob(), shape, axes)
    shifted = binary(builder, arithmetic.SUB, node.blob(), shape, highest, kept)
    total = reduced(builder, SUM, unary(builder, arithmetic.EXP, shifted), shape, axes)
    node.set(binary(builder, arithmetic.ADD, unary(builder, arithmetic.LOG, total), kept, highest, kept))


@operator("ArgMax", "ArgMin")
def _arg_extreme(node: Node) -> None:
    axis = int(node.attr("axis", 0)) % len(node.shape())
    blob = node.blob()
    if node.proto.op_type == "ArgMin":
        blob = unary(node.builder, arithmetic.NEG, blob)
    node.set(_place_of_largest(node.builder, blob, node.shape(), axis, is_last=bool(node.attr("select_last_index", 0))))


def _place_of_largest(builder: Builder, blob: Blob, shape: Sequence[int], axis: int, *, is_last: bool) -> Blob:
    """The largest of the numbers of those places that hold the largest value, counted from the other end."""
    view = matrices(blob, shape, axis)
    size, kept = view.shape[1], (view.shape[0], 1, view.shape[2])
    highest = reduced(builder, LARGEST, view, view.shape, [1])
    is_below = above(builder, binary(builder, arithmetic.SUB, highest, kept, view, view.shape))
    numbers = np.arange(size, dtype=np.float32) if is_last else np.arange(size, dtype=np.float32)[::-1]
    places = builder.constant(np.ascontiguousarray(numbers.reshape(1, size, 1)))
    held = binary(builder, arithmetic.MUL, inverted(builder, is_below), view.shape, places, (1, size, 1))
    found = reduced(builder, LARGEST, held, view.shape, [1])
    return found if is_last else scalar(builder, arithmetic.RSUB, found, size - 1)


@operator("TopK")
def _top_one(node: Node) -> None:
    axis = int(node.attr("axis", -1)) % len(node.shape())
    if [int(number) for number in node.required(1).ravel()] != [1]:
        raise NotExpressible("more than one value")
    blob = node.blob() if node.attr("largest", 1) else unary(node.builder, arithmetic.NEG, node.blob())
    if node.gives(0):
        value = reduced(node.builder, LARGEST, blob, node.shape(), [axis])
        node.set(value if node.attr("largest", 1) else unary(node.builder, arithmetic.NEG, value), 0)
    if node.gives(1):
        node.set(_place_of_largest(node.builder, blob, node.shape(), axis, is_last=False), 1)

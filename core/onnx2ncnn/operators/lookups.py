"""Lookups: rows of a constant table by computed indices, and computed values at constant places."""

from __future__ import annotations

import math

import numpy as np

from core.onnx2ncnn import arithmetic
from core.onnx2ncnn.arithmetic import binary, clip, inverted, unary
from core.onnx2ncnn.builder import Blob
from core.onnx2ncnn.node import Node, NotExpressible, operator
from core.onnx2ncnn.operators.movements import concatenated, picked, transposed
from core.onnx2ncnn.operators.reductions import SUM, reduced

_MAX_ONE_HOT = 1 << 22
"""Values of the one-hot rows by which computed indices look up."""


@operator("Gather")
def _gather(node: Node) -> None:
    axis = int(node.attr("axis", 0)) % len(node.shape())
    indices = node.constant(1)
    if indices is not None:
        size = node.shape()[axis]
        places = [int(index) % size for index in indices.ravel()]
        node.set(picked(node.builder, node.blob(), node.shape(), axis, places))
    else:
        _gather_by_computed(node, axis)


def _gather_by_computed(node: Node, axis: int) -> None:
    """From a constant table by Embed, else by one-hot rows."""
    table, sizes = node.constant(0), node.shape()
    others = (*sizes[:axis], *sizes[axis + 1 :])
    if table is None:
        found = _looked_up(node, axis, sizes[axis], math.prod(others))
    else:
        rows = np.moveaxis(np.asarray(table, np.float32), axis, 0)
        found = _embedded(node, np.ascontiguousarray(rows.reshape(rows.shape[0], -1)))
    shape = (*node.shape(1), *others)
    count = len(node.shape(1))
    order = [*range(count, count + axis), *range(count), *range(count + axis, len(shape))]
    node.set(transposed(node.builder, found, shape, order))


def _looked_up(node: Node, axis: int, words: int, length: int) -> Blob:
    """Rows of a computed tensor: one-hot rows times it."""
    sizes, indices = node.shape(), node.blob(1)
    if indices.size * words > _MAX_ONE_HOT:
        raise NotExpressible("computed indices into a large tensor")
    order = [axis, *range(axis), *range(axis + 1, len(sizes))]
    rows = transposed(node.builder, node.blob(), sizes, order).view(words, length)
    hot = _one_hot(node, indices, words)
    return node.builder.layer("MatMul", [hot.view(indices.size, words), rows], (indices.size, length))


def _embedded(node: Node, matrix: np.ndarray) -> Blob:
    """Rows of the matrix, shape (number of indices, row length)."""
    words, length = matrix.shape
    ids = node.integer_blob(1)
    if ids is not None:
        params = {0: length, 1: words, 2: 0, 3: matrix.size}
        return node.builder.layer("Embed", [ids.view(ids.size)], (ids.size, length), params, [matrix])
    places = node.blob(1)
    if places.size * words > _MAX_ONE_HOT:
        raise NotExpressible("computed indices into a large table")
    hot = _one_hot(node, places, words)
    params = {0: length, 1: 0, 2: matrix.size}
    bottom = hot if places.size > 1 else hot.view(words)
    weights = np.ascontiguousarray(matrix.T)
    return node.builder.layer("InnerProduct", [bottom], (*bottom.shape[:-1], length), params, [weights])


def _one_hot(node: Node, places: Blob, words: int) -> Blob:
    """Shape (number of indices, words); negative indices count from the end."""
    builder, count = node.builder, places.size
    numbers = builder.constant(np.arange(words, dtype=np.float32).reshape(1, words))
    negative = arithmetic.above(builder, unary(builder, arithmetic.NEG, places))
    shifted = arithmetic.same(
        builder, arithmetic.ADD, places, arithmetic.scalar(builder, arithmetic.MUL, negative, words)
    )
    distance = binary(builder, arithmetic.SUB, shifted, (count, 1), numbers, (1, words))
    return clip(builder, inverted(builder, unary(builder, arithmetic.ABS, distance)), 0.0, 1.0)


@operator("OneHot")
def _one_hot_operator(node: Node) -> None:
    depth, (off, on) = int(node.required(1).item()), node.required(2).ravel().tolist()
    hot = _one_hot(node, node.blob(), depth)
    scaled = arithmetic.scalar(node.builder, arithmetic.MUL, hot, float(on - off))
    result = arithmetic.scalar(node.builder, arithmetic.ADD, scaled, float(off))
    shape = (*node.shape(), depth)
    axis = int(node.attr("axis", -1)) % len(shape)
    order = [*range(axis), len(shape) - 1, *range(axis, len(shape) - 1)]
    node.set(transposed(node.builder, result, shape, order))


@operator("GatherElements")
def _gather_elements(node: Node) -> None:
    axis = int(node.attr("axis", 0)) % len(node.shape())
    if node.constant(1) is None:
        node.set(_gathered_elements(node, axis))
        return
    places = _places(node.shape())
    indices = node.required(1) % node.shape()[axis]
    _pick_flat(node, np.take_along_axis(_cut_to(places, indices.shape, axis), indices, axis))


def _gathered_elements(node: Node, axis: int) -> Blob:
    """By computed indices: one-hot rows times the values along the axis, summed."""
    builder, sizes, wanted = node.builder, node.shape(), node.shape(1)
    last = [*(each for each in range(len(sizes)) if each != axis), axis]
    others = [sizes[each] for each in last[:-1]]
    if others != [wanted[each] for each in last[:-1]] or math.prod(wanted) * sizes[axis] > _MAX_ONE_HOT:
        raise NotExpressible("computed indices of another shape, or into a large tensor")
    rows, words, count = math.prod(others), sizes[axis], wanted[axis]
    values = transposed(builder, node.blob(), sizes, last)
    hot = _one_hot(node, transposed(builder, node.blob(1), wanted, last), words)
    chosen = binary(builder, arithmetic.MUL, hot, (rows, count, words), values, (rows, 1, words))
    found = reduced(builder, SUM, chosen, (rows, count, words), [2])
    back = [last.index(each) for each in range(len(sizes))]
    return transposed(builder, found, (*others, count), back)


def _places(shape: tuple[int, ...]) -> np.ndarray:
    return np.arange(math.prod(shape)).reshape(shape)


def _cut_to(places: np.ndarray, shape: tuple[int, ...], axis: int) -> np.ndarray:
    """GatherElements may read from a part of the other axes only."""
    cut = tuple(slice(None) if index == axis else slice(size) for index, size in enumerate(shape))
    return places[cut]


@operator("GatherND")
def _gather_nd(node: Node) -> None:
    if node.attr("batch_dims", 0):
        raise NotExpressible("batch_dims")
    indices = node.required(1)
    places = _places(node.shape())
    _pick_flat(node, places[tuple(np.moveaxis(indices, -1, 0))])


@operator("ScatterND")
def _scatter_nd(node: Node) -> None:
    places, indices = _places(node.shape()), node.required(1)
    _scatter(node, places, lambda targets, updates: targets.__setitem__(tuple(np.moveaxis(indices, -1, 0)), updates))


@operator("ScatterElements", "Scatter")
def _scatter_elements(node: Node) -> None:
    axis = int(node.attr("axis", 0)) % len(node.shape())
    indices = node.required(1) % node.shape()[axis]
    _scatter(node, _places(node.shape()), lambda targets, updates: np.put_along_axis(targets, indices, updates, axis))


def _scatter(node: Node, targets: np.ndarray, write: object) -> None:
    """Values behind their updates in one row, of which constant places are picked."""
    if node.attr("reduction", "none") != "none":
        raise NotExpressible("a reduction")
    assert callable(write)
    targets = targets.copy()
    updates = _places(node.shape(2)) + targets.size
    write(targets, updates)
    data, new = node.blob(0), node.blob(2)
    row = concatenated(node.builder, [data.view(data.size), new.view(new.size)], [(data.size,), (new.size,)], 0)
    node.set(picked(node.builder, row, row.shape, 0, targets.ravel().tolist()))


def _pick_flat(node: Node, places: np.ndarray) -> None:
    blob = node.blob()
    node.set(picked(node.builder, blob.view(blob.size), (blob.size,), 0, places.ravel().tolist()))

"""Operators that move values without changing them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from core.onnx2ncnn import arithmetic
from core.onnx2ncnn.arithmetic import same
from core.onnx2ncnn.axes import matrices, on_axis, replaced
from core.onnx2ncnn.builder import MAX_AXES, Blob, Builder
from core.onnx2ncnn.node import Node, NotExpressible, operator

_MAX_PIECES = 16
"""Pieces of an axis that are cropped and put together; more of them are multiplied with a matrix."""

_MAX_SELECTION = 1 << 20
"""Size of that matrix."""

_PADDING_TYPES = {"constant": 0, "edge": 1, "reflect": 2}


@operator("Reshape", "Flatten", "Squeeze", "Unsqueeze")
def _reshape(node: Node) -> None:
    integers = node.integer_blob(0)
    if integers is not None:
        node.set_integers(integers)
    else:
        node.set(node.blob())


@operator("Transpose")
def _transpose(node: Node) -> None:
    shape = node.shape()
    order = [int(axis) for axis in node.attr("perm", range(len(shape))[::-1])]
    node.set(transposed(node.builder, node.blob(), shape, order))


def transposed(builder: Builder, blob: Blob, shape: Sequence[int], order: Sequence[int]) -> Blob:
    """Permute the axes of a tensor; neighbours that stay together count as one axis, and axes of size 1 do not count.

    Args:
        builder: gets the layers.
        blob: the tensor's values.
        shape: of the tensor.
        order: as numpy's transpose takes it.
    """
    groups: list[list[int]] = []
    for axis in (axis for axis in order if shape[axis] != 1):
        if groups and all(shape[between] == 1 for between in range(groups[-1][-1] + 1, axis)) and axis > groups[-1][-1]:
            groups[-1].append(axis)
        else:
            groups.append([axis])
    before = sorted(groups)
    sizes = [math.prod(shape[axis] for axis in group) for group in before]
    moves = [before.index(group) for group in groups]
    if moves == sorted(moves):
        return blob
    if len(sizes) <= MAX_AXES:
        return _permuted(builder, blob.view(*sizes), moves)
    return _moved_one_by_one(builder, blob, sizes, moves)


def _permuted(builder: Builder, blob: Blob, order: Sequence[int]) -> Blob:
    """One Permute, whose types count the orders of the axes as in a dictionary."""
    remaining, number = sorted(order), 0
    for position, axis in enumerate(order):
        number += remaining.index(axis) * math.factorial(len(order) - 1 - position)
        remaining.remove(axis)
    return builder.layer("Permute", [blob], tuple(blob.shape[axis] for axis in order), {0: number})


def _moved_one_by_one(builder: Builder, blob: Blob, sizes: Sequence[int], order: Sequence[int]) -> Blob:
    """More axes than ncnn has: one after another is moved before those that it has to precede."""
    current, lengths = list(range(len(sizes))), list(sizes)
    for position, axis in enumerate(order):
        place = current.index(axis)
        if place == position:
            continue
        front, middle = math.prod(lengths[:position]), math.prod(lengths[position:place])
        view = blob.view(front, middle, lengths[place], math.prod(lengths[place + 1 :]))
        blob = _permuted(builder, view, (0, 2, 1, 3))
        current.insert(position, current.pop(place))
        lengths.insert(position, lengths.pop(place))
    return blob


@operator("Slice")
def _slice(node: Node) -> None:
    starts, ends = node.numbers(1, "starts"), node.numbers(2, "ends")
    assert starts is not None
    assert ends is not None
    axes = node.numbers(3, "axes") or list(range(len(starts)))
    steps = node.numbers(4, "steps") or [1] * len(starts)
    blob, shape = node.blob(), list(node.shape())
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        axis %= len(shape)
        taken = range(*slice(start, end, step).indices(shape[axis]))
        blob = picked(node.builder, blob, shape, axis, list(taken))
        shape[axis] = len(taken)
    node.set(blob)


def cropped(builder: Builder, blob: Blob, shape: Sequence[int], axis: int, start: int, end: int) -> Blob:
    """A range of one axis."""
    if (start, end) == (0, shape[axis]):
        return blob
    view, index = on_axis(blob, shape, axis)
    params = {9: [start], 10: [end], 11: [index]}
    return builder.layer("Crop", [view], replaced(view.shape, index, end - start), params)


def picked(builder: Builder, blob: Blob, shape: Sequence[int], axis: int, indices: Sequence[int]) -> Blob:
    """The values at constant places of one axis, in any order.

    Consecutive ones are cropped, evenly spaced ones are a column of a reshaped blob, anything else is put together of
    pieces or, where these are many, multiplied with a matrix of zeros and ones.
    """
    if not indices:
        raise NotExpressible("an empty result")
    step = indices[1] - indices[0] if len(indices) > 1 else 1
    if list(indices) == list(range(indices[0], indices[0] + step * len(indices), step)) and step:
        return _evenly_spaced(builder, blob, shape, axis, indices[0], step, len(indices))
    pieces = _runs(indices)
    if len(pieces) <= _MAX_PIECES:
        cuts = [cropped(builder, blob, shape, axis, start, end) for start, end in pieces]
        return concatenated(builder, cuts, [replaced(shape, axis, end - start) for start, end in pieces], axis)
    if len(indices) * shape[axis] > _MAX_SELECTION:
        raise NotExpressible("scattered places of a long axis")
    selection = np.zeros((len(indices), shape[axis]), np.float32)
    selection[np.arange(len(indices)), indices] = 1.0
    return along_axis(builder, blob, shape, axis, selection)


def _runs(indices: Sequence[int]) -> list[tuple[int, int]]:
    """Start and end of each run of consecutive numbers."""
    runs: list[tuple[int, int]] = []
    for index in indices:
        if runs and runs[-1][1] == index:
            runs[-1] = (runs[-1][0], index + 1)
        else:
            runs.append((index, index + 1))
    return runs


def _evenly_spaced(
    builder: Builder, blob: Blob, shape: Sequence[int], axis: int, start: int, step: int, count: int
) -> Blob:
    if step < 0:
        ascending = _evenly_spaced(builder, blob, shape, axis, start + step * (count - 1), -step, count)
        view, index = on_axis(ascending, replaced(shape, axis, count), axis)
        return builder.layer("Flip", [view], view.shape, {0: [index]}) if count > 1 else view
    end = start + step * count
    if step == 1:
        return cropped(builder, blob, shape, axis, start, end)
    size = shape[axis]
    if end > size:  # the last step goes beyond the end
        rows = matrices(blob, shape, axis)
        padded = (rows.shape[0], end, rows.shape[2])
        blob = builder.layer("Padding", [rows], padded, {0: 0, 1: end - size, 2: 0, 3: 0, 4: 0, 5: 0.0})
        shape = replaced(shape, axis, end)
    blob = cropped(builder, blob, shape, axis, start, end)
    outer, inner = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
    return cropped(builder, blob.view(outer * count, step, inner), (outer * count, step, inner), 1, 0, 1)


def along_axis(builder: Builder, blob: Blob, shape: Sequence[int], axis: int, matrix: np.ndarray) -> Blob:
    """Multiply every column along an axis with a constant matrix of the shape (new size, old size)."""
    outer, size, inner = math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])
    count = matrix.shape[0]
    if inner == 1:
        rows = blob.view(outer, size)
        params = {0: count, 1: 0, 2: matrix.size}
        bottom = rows if outer > 1 else rows.view(size)
        return builder.layer("InnerProduct", [bottom], (*bottom.shape[:-1], count), params, [matrix])
    weights = builder.constant(np.ascontiguousarray(matrix, np.float32))
    view = blob.view(outer, size, inner) if outer > 1 else blob.view(size, inner)
    return builder.layer("MatMul", [weights, view], (*view.shape[:-2], count, inner))


@operator("Concat")
def _concat(node: Node) -> None:
    shapes = [node.shape(index) for index in range(node.count)]
    filled = [index for index, shape in enumerate(shapes) if math.prod(shape)]
    blobs = [node.blob(index) for index in filled]
    axis = int(node.attr("axis"))
    node.set(concatenated(node.builder, blobs, [shapes[index] for index in filled], axis))


def concatenated(builder: Builder, blobs: Sequence[Blob], shapes: Sequence[Sequence[int]], axis: int) -> Blob:
    """Tensors behind each other along an axis of theirs."""
    if len(blobs) == 1:
        return blobs[0]
    first, index = on_axis(blobs[0], shapes[0], axis)
    views = [blob.view(*replaced(first.shape, index, shape[axis])) for blob, shape in zip(blobs, shapes, strict=True)]
    total = sum(view.shape[index] for view in views)
    return builder.layer("Concat", views, replaced(first.shape, index, total), {0: index})


@operator("Split")
def _split(node: Node) -> None:
    outputs = [index for index in range(len(node.proto.output)) if node.gives(index)]
    axis = int(node.attr("axis", 0)) % len(node.shape())
    sizes = node.numbers(1, "split") or [node.out_shape(index)[axis] for index in outputs]
    if len(outputs) == len(sizes) > 1:
        view, index = on_axis(node.blob(), node.shape(), axis)
        shapes = [replaced(view.shape, index, size) for size in sizes]
        for number, part in enumerate(node.builder.layers("Slice", [view], shapes, {0: sizes, 1: index})):
            node.set(part, number)
        return
    start = 0
    for index, size in enumerate(sizes):
        if node.gives(index):
            node.set(cropped(node.builder, node.blob(), node.shape(), axis, start, start + size), index)
        start += size


@operator("Pad")
def _pad(node: Node) -> None:
    shape, mode = list(node.shape()), str(node.attr("mode", "constant"))
    pads = node.numbers(1, "pads")
    assert pads is not None
    axes = node.numbers(3, "axes") or list(range(len(shape)))
    value = node.required(2).item() if node.has(2) else node.attr("value", 0.0)
    blob, count = node.blob(), len(axes)
    if mode == "wrap":
        raise NotExpressible("mode wrap")
    for axis, before, after in zip(axes, pads[:count], pads[count:], strict=True):
        axis %= len(shape)
        blob, shape[axis] = _shortened(node.builder, blob, shape, axis, before, after)
        blob, shape[axis] = _padded(node.builder, blob, shape, axis, (max(0, before), max(0, after)), mode, value)
    node.set(blob)


def _shortened(
    builder: Builder, blob: Blob, shape: Sequence[int], axis: int, before: int, after: int
) -> tuple[Blob, int]:
    """Negative pads cut off."""
    start, end = max(0, -before), shape[axis] - max(0, -after)
    return cropped(builder, blob, shape, axis, start, end), end - start


def _padded(
    builder: Builder, blob: Blob, shape: Sequence[int], axis: int, pads: tuple[int, int], mode: str, value: float
) -> tuple[Blob, int]:
    if pads == (0, 0):
        return blob, shape[axis]
    rows = matrices(blob, shape, axis)
    size = shape[axis] + sum(pads)
    params = {0: pads[0], 1: pads[1], 2: 0, 3: 0, 4: _PADDING_TYPES[mode], 5: float(np.clip(value, -3.4e38, 3.4e38))}
    return builder.layer("Padding", [rows], (rows.shape[0], size, rows.shape[2]), params), size


@operator("Tile")
def _tile(node: Node) -> None:
    blob, shape = node.blob(), list(node.shape())
    for axis, times in enumerate(int(number) for number in node.required(1)):
        if times != 1:
            rows = matrices(blob, shape, axis)
            shape[axis] *= times
            made = (rows.shape[0], shape[axis], rows.shape[2])
            blob = node.builder.layer("Tile", [rows], made, {0: 1, 1: times})
    node.set(blob)


@operator("DepthToSpace")
def _depth_to_space(node: Node) -> None:
    batch, channels, height, width = node.shape()
    block, blob = int(node.attr("blocksize")), node.blob()
    mode = int(node.attr("mode", "DCR") == "DCR")
    if batch > 1 and mode:  # the pictures count as channels, which must come first
        mode, split = 0, (batch, block**2, channels // block**2, height * width)
        blob = transposed(node.builder, blob, split, (0, 2, 1, 3))
    _, made, *sizes = node.out_shape()
    view = blob.view(batch * channels, height, width)
    node.set(node.builder.layer("PixelShuffle", [view], (batch * made, *sizes), {0: block, 1: mode}))


@operator("SpaceToDepth")
def _space_to_depth(node: Node) -> None:
    batch, channels, height, width = node.shape()
    block = int(node.attr("blocksize"))
    split = (batch, channels, height // block, block, width // block, block)
    node.set(transposed(node.builder, node.blob(), split, (0, 3, 5, 1, 2, 4)))


@operator("Trilu")
def _trilu(node: Node) -> None:
    shape = node.shape()
    diagonal = int(node.required(1).item()) if node.has(1) else 0
    keep = np.triu if node.attr("upper", 1) else np.tril
    mask = keep(np.ones(shape[-2:], np.float32), diagonal)
    full = np.ascontiguousarray(np.broadcast_to(mask, shape))
    blob = node.blob()
    node.set(same(node.builder, arithmetic.MUL, blob, node.builder.constant(full)))


@operator("CumSum")
def _cumulative_sum(node: Node) -> None:
    shape, builder, blob = node.shape(), node.builder, node.blob()
    axis = int(node.required(1).item()) % len(shape)
    places = list(range(shape[axis]))
    if node.attr("reverse", 0):
        blob = picked(builder, blob, shape, axis, places[::-1])
    view, index = on_axis(blob, shape, axis)
    total = builder.layer("CumulativeSum", [view], view.shape, {0: index})
    if node.attr("exclusive", 0):
        total = same(builder, arithmetic.SUB, total, view)
    node.set(picked(builder, total, shape, axis, places[::-1]) if node.attr("reverse", 0) else total)

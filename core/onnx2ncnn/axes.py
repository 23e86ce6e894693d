"""How tensors lie in blobs: axes of the source that a layer works on, and shapes for broadcasting."""

from __future__ import annotations

import math
from collections.abc import Sequence

from core.onnx2ncnn.builder import MAX_AXES, Blob


def on_axis(blob: Blob, shape: Sequence[int], axis: int) -> tuple[Blob, int]:
    """A view in which one axis of the source is an axis of its own.

    Args:
        blob: the tensor's values.
        shape: of the tensor in the source.
        axis: of the source; negative ones count from the end.

    Returns:
        The blob as it is stored, if that fits, or a view of at most three axes; and the number of the axis there.
    """
    axis %= len(shape)
    outer, inner = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
    before = 1
    for index, size in enumerate(blob.shape[:MAX_AXES]):
        if len(blob.shape) <= MAX_AXES and before == outer and size == shape[axis]:
            return blob, index
        before *= size
    around = [size for size in (outer,) if size > 1], [size for size in (inner,) if size > 1]
    return blob.view(*around[0], shape[axis], *around[1]), len(around[0])


def matrices(blob: Blob, shape: Sequence[int], axis: int) -> Blob:
    """A view of three axes: everything before the axis, the axis, everything after it."""
    axis %= len(shape)
    return blob.view(math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :]))


def replaced(shape: Sequence[int], axis: int, size: int) -> tuple[int, ...]:
    """The shape with another size of one axis."""
    return (*shape[:axis], size, *shape[axis + 1 :])


def broadcast_views(
    a: Blob, a_shape: Sequence[int], b: Blob, b_shape: Sequence[int]
) -> tuple[Blob, Blob, tuple[int, ...]]:
    """Views of the same number of axes, which broadcast like the tensors in the source.

    The stored shape of one of them is kept where the other one can be looked at in matching axes.

    Args:
        a: values of the first tensor.
        a_shape: its shape in the source.
        b: values of the second one.
        b_shape: its shape in the source.

    Returns:
        Both views, and the shape of the result; more than four axes where the two alternate too often.
    """
    rank = max(len(a_shape), len(b_shape))
    full_a = (1,) * (rank - len(a_shape)) + tuple(a_shape)
    full_b = (1,) * (rank - len(b_shape)) + tuple(b_shape)
    result = tuple(max(pair) if 0 not in pair else 0 for pair in zip(full_a, full_b, strict=True))
    if a.size == math.prod(result):
        sizes = _regrouped(result, full_b, a.shape)
        if sizes is not None:
            return a, b.view(*sizes), a.shape
    if b.size == math.prod(result):
        sizes = _regrouped(result, full_a, b.shape)
        if sizes is not None:
            return a.view(*sizes), b, b.shape
    merged = _merged(full_a, full_b)
    sizes_a, sizes_b = (tuple(pair[index] for pair in merged) or (1,) for index in (0, 1))
    return a.view(*sizes_a), b.view(*sizes_b), tuple(map(max, sizes_a, sizes_b))


def _regrouped(result: Sequence[int], other: Sequence[int], target: Sequence[int]) -> tuple[int, ...] | None:
    """The sizes of the other operand in the axes of ``target``, which is the result in another shape."""
    if len(target) > MAX_AXES:
        return None
    sizes, axes = [], list(zip(result, other, strict=True))
    for size in target:
        whole = part = 1
        while whole < size and axes:
            step, step_part = axes.pop(0)
            whole, part = whole * step, part * step_part
        if whole != size or part not in (1, size):
            return None
        sizes.append(part)
    return tuple(sizes) if all(size == 1 for size, _ in axes) else None


def _merged(a: Sequence[int], b: Sequence[int]) -> list[tuple[int, int]]:
    """Neighbouring axes that broadcast alike as one; axes of size 1 in both are left out."""
    merged: list[tuple[int, int]] = []
    for pair in zip(a, b, strict=True):
        if pair == (1, 1):
            continue
        if merged and _kind(merged[-1]) == _kind(pair):
            merged[-1] = (merged[-1][0] * pair[0], merged[-1][1] * pair[1])
        else:
            merged.append(pair)
    return merged


def _kind(pair: tuple[int, int]) -> tuple[bool, bool]:
    return pair[0] == 1, pair[1] == 1

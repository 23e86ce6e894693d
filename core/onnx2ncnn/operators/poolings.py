"""Poolings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.onnx2ncnn import arithmetic
from core.onnx2ncnn.arithmetic import binary
from core.onnx2ncnn.builder import Blob
from core.onnx2ncnn.node import Node, NotExpressible, operator
from core.onnx2ncnn.operators.convolutions import for_each_picture, spatial_sizes
from core.onnx2ncnn.operators.reductions import LARGEST, MEAN, reduced

_LARGEST, _MEAN = 0, 1


@operator("GlobalAveragePool", "GlobalMaxPool")
def _global_pool(node: Node) -> None:
    kind = MEAN if node.proto.op_type == "GlobalAveragePool" else LARGEST
    shape = node.shape()
    if len(shape) == 4 and shape[0] == 1:
        bottom = node.blob().view(*shape[1:])
        node.set(node.builder.layer("Pooling", [bottom], (shape[1],), {0: int(kind == MEAN), 4: 1}))
        return
    node.set(reduced(node.builder, kind, node.blob(), shape, range(2, len(shape))))


@operator("MaxPool", "AveragePool")
def _pool(node: Node) -> None:
    if node.gives(1):
        raise NotExpressible("the places of the largest values")
    kernel = [int(size) for size in node.attr("kernel_shape")]
    strides, dilations, pads = spatial_sizes(node, kernel, len(kernel))
    if any(dilation != 1 for dilation in dilations):
        raise NotExpressible("dilations")
    begins, ends = pads[: len(kernel)], pads[len(kernel) :]
    # What the last window needs, which is more with ceil_mode.
    needed = [
        (out - 1) * stride + length - size - begin
        for out, stride, length, size, begin in zip(
            node.out_shape()[2:], strides, kernel, node.shape()[2:], begins, strict=True
        )
    ]
    if node.proto.op_type == "MaxPool":
        node.set(for_each_picture(node, lambda picture: _pooled(node, picture, kernel, strides, begins, needed)))
        return

    node.set(for_each_picture(node, lambda picture: _averaged(node, picture, kernel, strides, begins, ends, needed)))


def _pooled(
    node: Node,
    picture: Blob,
    kernel: Sequence[int],
    strides: Sequence[int],
    begins: Sequence[int],
    ends: Sequence[int],
    kind: int = _LARGEST,
) -> Blob:
    """One pooling with explicit pads; negative ones cut off what no window reads."""
    channels, sizes, out = node.shape()[1], list(node.shape()[2:]), list(node.out_shape()[2:])
    flat = [1] if len(kernel) == 1 else []
    rows = [kernel, strides, begins, [max(0, end) for end in ends]]
    rows = [[default, *row] if flat else [*row] for default, row in zip((1, 1, 0, 0), rows, strict=True)]
    if len(rows[0]) > 3:
        raise NotExpressible("more than three spatial axes")
    params = {0: kind, 5: 1} | ({6: 1} if kind == _MEAN else {})
    for keys, row in zip(([1, 11, 21], [2, 12, 22], [3, 13, 23], [14, 15, 16]), rows, strict=True):
        params |= dict(zip(keys, map(int, row[::-1]), strict=False))
    bottom = picture.view(channels, *flat, *sizes)
    return node.builder.layer(
        "Pooling3D" if len(rows[0]) == 3 else "Pooling", [bottom], (channels, *flat, *out), params
    )


def _averaged(
    node: Node,
    picture: Blob,
    kernel: Sequence[int],
    strides: Sequence[int],
    begins: Sequence[int],
    ends: Sequence[int],
    needed: Sequence[int],
) -> Blob:
    """The mean over whole windows with zeros around the picture, corrected where windows count fewer values."""
    mean = _pooled(node, picture, kernel, strides, begins, needed, _MEAN)
    factors = np.ones((1,) * len(kernel), np.float32)
    for axis, (length, stride, begin, end) in enumerate(zip(kernel, strides, begins, ends, strict=True)):
        size = node.shape()[2 + axis]
        low, high = (0, size + begin + end) if node.attr("count_include_pad", 0) else (begin, begin + size)
        starts = np.arange(node.out_shape()[2 + axis]) * stride
        counted = np.minimum(starts + length, high) - np.maximum(starts, low)
        shape = [1] * len(kernel)
        shape[axis] = -1
        factors = factors * (length / np.maximum(1, counted)).astype(np.float32).reshape(shape)
    if np.allclose(factors, 1.0):
        return mean
    out_shape = node.out_shape()[1:]
    values = node.builder.constant(np.ascontiguousarray(factors[np.newaxis]))
    return binary(node.builder, arithmetic.MUL, mean, out_shape, values, values.shape)

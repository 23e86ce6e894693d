"""Convolutions; those of one dimension become such of height 1, for which ncnn has 8 bit and faster code."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from core.onnx2ncnn import arithmetic
from core.onnx2ncnn.arithmetic import binary
from core.onnx2ncnn.builder import Blob
from core.onnx2ncnn.node import Node, NotExpressible, operator
from core.onnx2ncnn.operators.movements import concatenated, cropped, transposed
from core.runtimes.predictor import Tensor

_MAX_BATCH = 64
"""Pictures of one batch, each of which gets layers of its own."""


def spatial_sizes(node: Node, kernel: Sequence[int], rank: int) -> tuple[list[int], list[int], list[int]]:
    """Strides, dilations, and pads at the begins and then at the ends of the axes, with ``auto_pad`` resolved."""
    ones = [1] * rank
    strides, dilations = list(node.attr("strides", ones)), list(node.attr("dilations", ones))
    mode = str(node.attr("auto_pad", "NOTSET"))
    if mode not in ("SAME_UPPER", "SAME_LOWER"):
        pads = list(node.attr("pads", [0] * 2 * rank)) if mode != "VALID" else [0] * 2 * rank
        return strides, dilations, pads
    totals = [
        max(0, (math.ceil(size / stride) - 1) * stride + (length - 1) * dilation + 1 - size)
        for size, stride, length, dilation in zip(node.shape()[2:], strides, kernel, dilations, strict=True)
    ]
    small, large = [total // 2 for total in totals], [total - total // 2 for total in totals]
    return strides, dilations, small + large if mode == "SAME_UPPER" else large + small


def for_each_picture(node: Node, make: Callable[[Blob], Blob]) -> Blob:
    """Run a layer on each picture of a batch by itself.

    Args:
        node: whose first input has a batch axis.
        make: adds the layers for one picture.
    """
    shape, out_shape = node.shape(), node.out_shape()
    if shape[0] == 1:
        return make(node.blob())
    if shape[0] > _MAX_BATCH:
        raise NotExpressible("a large batch")
    pictures = [cropped(node.builder, node.blob(), shape, 0, index, index + 1) for index in range(shape[0])]
    return concatenated(node.builder, [make(one) for one in pictures], [(1, *out_shape[1:])] * shape[0], 0)


@operator("Conv")
def _convolution(node: Node) -> None:
    weights = node.constant(1)
    if weights is None or node.is_shared(1):
        node.set(_with_computed_weights(node))
        return
    if node.shape()[0] > 1 and weights.ndim <= 4:
        node.set(_convolved_batch(node, weights))
    else:
        node.set(for_each_picture(node, lambda picture: _convolved(node, picture, weights)))


def _convolved(node: Node, picture: Blob, weights: Tensor) -> Blob:
    flat = [1] if weights.ndim == 3 else []
    params, suffix = _sizes_of(node, weights.shape[2:])
    bottom = picture.view(node.shape()[1], *flat, *node.shape()[2:])
    return _layer(node, weights, suffix, bottom, (*flat, *node.out_shape()[2:]), params)


def _layer(
    node: Node, weights: Tensor, suffix: str, bottom: Blob, sizes: Sequence[int], params: dict[int, int]
) -> Blob:
    group, bias = int(node.attr("group", 1)), _bias(node)
    params = {
        **params,
        0: weights.shape[0],
        5: int(bias is not None),
        6: weights.size,
        **({7: group} if group > 1 else {}),
    }
    kind = f"Convolution{'DepthWise' if group > 1 else ''}{suffix}"
    arrays = [weights, *([] if bias is None else [bias])]
    return node.builder.layer(kind, [bottom], (weights.shape[0], *sizes), params, arrays)


def _convolved_batch(node: Node, weights: Tensor) -> Blob:
    """All pictures of a batch below each other in one, each between rows of zeros, so that one layer holds the weights.

    A picture takes up a multiple of the stride in rows, so that its first output row is a row of the whole.
    """
    count, channels, *sizes = node.shape()
    outputs = node.out_shape()[2:]
    strides, dilations, pads = spatial_sizes(node, weights.shape[2:], len(sizes))
    top, bottom, stride, span = 0, 0, 1, 1
    if len(sizes) == 2:
        top, bottom, stride, span = pads[0], pads[2], strides[0], (weights.shape[2] - 1) * dilations[0] + 1
    height, width = sizes if len(sizes) == 2 else (1, *sizes)
    rows = -(-(top + height + bottom) // stride)
    blob = transposed(node.builder, node.blob(), node.shape(), (1, 0, *range(2, len(sizes) + 2)))
    blob = blob.view(channels * count, height, width)
    if rows * stride != height:
        added = {0: top, 1: rows * stride - height - top}
        blob = node.builder.layer("Padding", [blob], (channels * count, rows * stride, width), added)
    params, _ = _sizes_of(node, weights.shape[2:])
    params |= {14: 0, 16: max(0, span - stride)}
    picture = blob.view(channels, count * rows * stride, width)
    made = _layer(node, weights, "", picture, (count * rows, outputs[-1]), params)
    used = outputs[0] if len(sizes) == 2 else 1
    columns = (weights.shape[0] * count, rows, outputs[-1])
    kept = cropped(node.builder, made.view(*columns), columns, 1, 0, used)
    return transposed(node.builder, kept, (weights.shape[0], count, used * outputs[-1]), (1, 0, 2))


def _bias(node: Node) -> Tensor | None:
    return node.required(2) if node.has(2) else None


def _sizes_of(node: Node, kernel: Sequence[int]) -> tuple[dict[int, int], str]:
    """Parameters of kernel, strides, dilations and pads; suffix of the layer's type."""
    strides, dilations, pads = spatial_sizes(node, kernel, len(kernel))
    begins, ends = pads[: len(kernel)], pads[len(kernel) :]
    sizes = [list(kernel), dilations, strides, begins, ends]
    if len(kernel) == 1:
        sizes = [[default, *values] for default, values in zip((1, 1, 1, 0, 0), sizes, strict=True)]
    if len(sizes[0]) > 3:
        raise NotExpressible("more than three spatial axes")
    return _params(sizes), "3D" if len(sizes[0]) == 3 else ""


def _with_computed_weights(node: Node) -> Blob:
    """Weights as a second input; of one picture and without groups."""
    shape, kernel = node.shape(), node.shape(1)
    if node.attr("group", 1) != 1 or len(shape) != 4 or shape[0] != 1:
        raise NotExpressible("computed or shared weights of a convolution with groups")
    params, _ = _sizes_of(node, kernel[2:])
    params |= {0: kernel[0], 5: 0, 6: 0, 19: 1}
    bottoms = [node.blob().view(*shape[1:]), node.blob(1).view(*kernel)]
    made = node.builder.layer("Convolution", bottoms, node.out_shape()[1:], params)
    if not node.has(2):
        return made
    bias = node.blob(2)
    return binary(node.builder, arithmetic.ADD, made, node.out_shape(), bias, (1, bias.size, 1, 1))


@operator("ConvTranspose")
def _transposed_convolution(node: Node) -> None:
    weights = node.required(1)
    node.set(for_each_picture(node, lambda picture: _deconvolved(node, picture, weights)))


def _deconvolved(node: Node, picture: Blob, weights: Tensor) -> Blob:
    channels, sizes, wanted = node.shape()[1], node.shape()[2:], node.out_shape()[2:]
    kernel, group = weights.shape[2:], int(node.attr("group", 1))
    if len(kernel) > 3:
        raise NotExpressible("more than three spatial axes")
    ones = [1] * len(kernel)
    strides, dilations = list(node.attr("strides", ones)), list(node.attr("dilations", ones))
    begins = _pads_of_transposed(node, kernel, strides, dilations)
    full = [
        (size - 1) * stride + (length - 1) * dilation + 1
        for size, stride, length, dilation in zip(sizes, strides, kernel, dilations, strict=True)
    ]
    ends = [whole - begin - size for whole, begin, size in zip(full, begins, wanted, strict=True)]
    missing = [max(0, -end) for end in ends]  # output padding beyond the end, where there is nothing but the bias
    flat = [1] if len(kernel) == 1 else []
    rows = [kernel, dilations, strides, begins, [max(0, end) for end in ends]]
    rows = [[default, *values] if flat else [*values] for default, values in zip((1, 1, 1, 0, 0), rows, strict=True)]
    outputs, bias = weights.shape[1] * group, _bias(node)
    inner_bias = None if any(missing) else bias
    params = _params(rows) | {0: outputs, 5: int(inner_bias is not None), 6: weights.size}
    params |= {7: group} if group > 1 else {}
    per_group = weights.reshape(group, channels // group, weights.shape[1], *kernel)
    arrays = [np.ascontiguousarray(np.swapaxes(per_group, 1, 2)), *([] if inner_bias is None else [inner_bias])]
    kind = f"Deconvolution{'DepthWise' if group > 1 else ''}{'3D' if len(kernel) == 3 else ''}"
    made_sizes = [size - short for size, short in zip(wanted, missing, strict=True)]
    bottom = picture.view(channels, *flat, *sizes)
    made = node.builder.layer(kind, [bottom], (outputs, *flat, *made_sizes), params, arrays)
    return made if inner_bias is bias else _lengthened(node, made, [outputs, *made_sizes], missing, bias)


def _lengthened(node: Node, blob: Blob, shape: list[int], missing: Sequence[int], bias: Tensor | None) -> Blob:
    for axis, count in enumerate(missing, start=1):
        rows = blob.view(math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :]))
        shape[axis] += count
        params = {0: 0, 1: count, 2: 0, 3: 0, 4: 0, 5: 0.0}
        blob = node.builder.layer("Padding", [rows], (rows.shape[0], shape[axis], rows.shape[2]), params)
    if bias is None:
        return blob
    values = node.builder.constant(np.asarray(bias, np.float32))
    return binary(node.builder, arithmetic.ADD, blob, (bias.size, blob.size // bias.size), values, (bias.size, 1))


def _params(rows: Sequence[Sequence[int]]) -> dict[int, int]:
    """Ids of kernel, dilations, strides, pads at the begins and at the ends, each from the innermost axis on."""
    keys = [[1, 11, 21], [2, 12, 22], [3, 13, 23], [4, 14, 24], [15, 16, 17]]
    return {
        key: int(value)
        for group, values in zip(keys, rows, strict=True)
        for key, value in zip(group, values[::-1], strict=False)
    }


def _pads_of_transposed(
    node: Node, kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> list[int]:
    """What is cut off at the begin of each axis, by the specification of ConvTranspose."""
    rank, mode = len(kernel), str(node.attr("auto_pad", "NOTSET"))
    is_given = node.attr("output_shape") is not None
    if mode in ("NOTSET", "VALID") and not is_given:
        return list(node.attr("pads", [0] * 2 * rank))[:rank] if mode == "NOTSET" else [0] * rank
    output_padding = node.attr("output_padding", [0] * rank)
    totals = [
        max(0, stride * (size - 1) + extra + (length - 1) * dilation + 1 - wanted)
        for stride, size, extra, length, dilation, wanted in zip(
            strides, node.shape()[2:], output_padding, kernel, dilations, node.out_shape()[2:], strict=True
        )
    ]
    return [total // 2 if mode == "SAME_UPPER" else total - total // 2 for total in totals]

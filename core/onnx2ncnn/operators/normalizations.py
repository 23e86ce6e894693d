"""Normalisations."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from core.onnx2ncnn import arithmetic
from core.onnx2ncnn.arithmetic import binary, scalar, unary
from core.onnx2ncnn.axes import on_axis
from core.onnx2ncnn.builder import Blob
from core.onnx2ncnn.node import Node, NotExpressible, operator
from core.onnx2ncnn.operators.reductions import MEAN, SUM, reduced


@operator("BatchNormalization")
def _batch_norm(node: Node) -> None:
    """Folded to a factor and a summand for each channel."""
    scale, bias, mean, variance = (np.asarray(node.required(index), np.float64) for index in (1, 2, 3, 4))
    if node.attr("training_mode", 0):
        raise NotExpressible("training mode")
    factor = scale / np.sqrt(variance + node.attr("epsilon", 1e-5))
    shape, channels = node.shape(), scale.size
    weights = [np.asarray(one, np.float32) for one in (factor, bias - mean * factor)]
    if shape[0] == 1 and len(shape) > 1:
        view, axis = on_axis(node.blob(), shape, 1)
        if axis == 0 and len(view.shape) <= 3:
            node.set(node.builder.layer("Scale", [view], view.shape, {0: channels, 1: 1}, weights))
            return
    per_channel = (channels, *[1] * (len(shape) - 2))
    blobs = [node.builder.constant(one) for one in weights]
    scaled = binary(node.builder, arithmetic.MUL, node.blob(), shape, blobs[0], per_channel)
    node.set(binary(node.builder, arithmetic.ADD, scaled, shape, blobs[1], per_channel))


@operator("InstanceNormalization")
def _instance_norm(node: Node) -> None:
    shape = node.shape()
    rows = node.blob().view(shape[0] * shape[1], 1, math.prod(shape[2:]))
    params = {0: rows.shape[0], 1: float(node.attr("epsilon", 1e-5)), 2: 1}
    weights = [np.tile(node.required(index), shape[0]) for index in (1, 2)]
    node.set(node.builder.layer("InstanceNorm", [rows], rows.shape, params, weights))


@operator("GroupNormalization")
def _group_norm(node: Node) -> None:
    shape, groups = node.shape(), int(node.attr("num_groups"))
    scale, bias = node.required(1), node.required(2)
    if scale.size == groups != shape[1]:  # opset 18 has one for each group
        scale, bias = (np.repeat(one, shape[1] // groups) for one in (scale, bias))
    if shape[0] != 1:
        raise NotExpressible("a batch")
    rows = node.blob().view(shape[1], 1, math.prod(shape[2:]))
    params = {0: groups, 1: shape[1], 2: float(node.attr("epsilon", 1e-5)), 3: 1}
    node.set(node.builder.layer("GroupNorm", [rows], rows.shape, params, [scale, bias]))


@operator("LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization")
def _layer_norm(node: Node) -> None:
    if node.gives(1) or node.gives(2):
        raise NotExpressible("mean and deviation as outputs")
    shape, kind = node.shape(), "LayerNorm" if node.proto.op_type == "LayerNormalization" else "RMSNorm"
    axis = int(node.attr("axis", -1)) % len(shape)
    size = math.prod(shape[axis:])
    rows = math.prod(shape[:axis])
    view = node.blob().view(rows, size) if rows > 1 else node.blob().view(size)
    constants = [node.constant(index) if node.has(index) else None for index in (1, 2)]
    if constants[0] is not None and (not node.has(2) or constants[1] is not None):
        weights = [np.broadcast_to(constants[0], shape[axis:]).ravel()]
        if kind == "LayerNorm":
            bias = np.zeros(1, np.float32) if constants[1] is None else constants[1]
            weights.append(np.broadcast_to(bias, shape[axis:]).ravel())
        params = {0: size, 1: float(node.attr("epsilon", 1e-5)), 2: 1}
        node.set(node.builder.layer(kind, [view], view.shape, params, weights))
        return
    params = {0: size, 1: float(node.attr("epsilon", 1e-5)), 2: 0}
    result = node.builder.layer(kind, [view], view.shape, params)
    for index, operation in ((1, arithmetic.MUL), (2, arithmetic.ADD)):
        if node.has(index):
            result = binary(node.builder, operation, result, shape, *node.small_blob(index))
    node.set(result)


@operator("MeanVarianceNormalization")
def _mean_variance_norm(node: Node) -> None:
    shape = node.shape()
    axes = [int(axis) % len(shape) for axis in node.attr("axes", [0, 2, 3])]
    centred, kept = _centred(node, node.blob(), shape, axes)
    variance = reduced(node.builder, MEAN, unary(node.builder, arithmetic.SQUARE, centred), shape, axes)
    deviation = scalar(node.builder, arithmetic.ADD, unary(node.builder, arithmetic.SQRT, variance), 1e-9)
    node.set(binary(node.builder, arithmetic.DIV, centred, shape, deviation, kept))


def _centred(node: Node, blob: Blob, shape: Sequence[int], axes: Sequence[int]) -> tuple[Blob, tuple[int, ...]]:
    kept = tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    mean = reduced(node.builder, MEAN, blob, shape, axes)
    return binary(node.builder, arithmetic.SUB, blob, shape, mean, kept), kept


@operator("LpNormalization")
def _lp_norm(node: Node) -> None:
    shape, blob, order = node.shape(), node.blob(), int(node.attr("p", 2))
    axis = int(node.attr("axis", -1)) % len(shape)
    kept = (*shape[:axis], 1, *shape[axis + 1 :])
    parts = unary(node.builder, arithmetic.SQUARE if order == 2 else arithmetic.ABS, blob)
    total = reduced(node.builder, SUM, parts, shape, [axis])
    length = unary(node.builder, arithmetic.SQRT, total) if order == 2 else total
    safe = scalar(node.builder, arithmetic.MAX, length, 1e-30)
    node.set(binary(node.builder, arithmetic.DIV, blob, shape, safe, kept))


@operator("LRN")
def _local_response_norm(node: Node) -> None:
    shape = node.shape()
    if shape[0] != 1 or len(shape) != 4:
        raise NotExpressible("a batch")
    bottom = node.blob().view(*shape[1:])
    params = {0: 0, 1: int(node.attr("size")), 2: float(node.attr("alpha", 1e-4))}
    params |= {3: float(node.attr("beta", 0.75)), 4: float(node.attr("bias", 1.0))}
    node.set(node.builder.layer("LRN", [bottom], shape[1:], params))

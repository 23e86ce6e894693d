"""Activations."""

from __future__ import annotations

import math

import numpy as np

from core.onnx2ncnn import arithmetic
from core.onnx2ncnn.arithmetic import above, binary, clip, same, scalar, unary
from core.onnx2ncnn.axes import on_axis
from core.onnx2ncnn.builder import Blob
from core.onnx2ncnn.node import Node, NotExpressible, operator

_SELU_ALPHA, _SELU_GAMMA = 1.67326319217681884765625, 1.05070102214813232421875
_PLAIN = {"Relu": "ReLU", "Sigmoid": "Sigmoid", "Tanh": "TanH", "Softplus": "Softplus", "Mish": "Mish"}


@operator(*_PLAIN)
def _plain(node: Node) -> None:
    blob = node.blob()
    node.set(node.builder.layer(_PLAIN[node.proto.op_type], [blob], blob.shape))


@operator("LeakyRelu")
def _leaky_relu(node: Node) -> None:
    blob = node.blob()
    node.set(node.builder.layer("ReLU", [blob], blob.shape, {0: float(node.attr("alpha", 0.01))}))


@operator("HardSigmoid")
def _hard_sigmoid(node: Node) -> None:
    blob, alpha, beta = node.blob(), node.attr("alpha", 0.2), node.attr("beta", 0.5)
    node.set(node.builder.layer("HardSigmoid", [blob], blob.shape, {0: float(alpha), 1: float(beta)}))


@operator("HardSwish")
def _hard_swish(node: Node) -> None:
    blob = node.blob()
    node.set(node.builder.layer("HardSwish", [blob], blob.shape, {0: 1 / 6, 1: 0.5}))


@operator("Elu", "Celu")
def _elu(node: Node) -> None:
    blob = node.blob()
    kind = {"Elu": "ELU", "Celu": "CELU"}[node.proto.op_type]
    node.set(node.builder.layer(kind, [blob], blob.shape, {0: float(node.attr("alpha", 1.0))}))


@operator("Selu")
def _selu(node: Node) -> None:
    blob, alpha, gamma = node.blob(), node.attr("alpha", _SELU_ALPHA), node.attr("gamma", _SELU_GAMMA)
    node.set(node.builder.layer("SELU", [blob], blob.shape, {0: float(alpha), 1: float(gamma)}))


@operator("Softsign")
def _softsign(node: Node) -> None:
    blob = node.blob()
    size = scalar(node.builder, arithmetic.ADD, unary(node.builder, arithmetic.ABS, blob), 1.0)
    node.set(same(node.builder, arithmetic.DIV, blob, size))


@operator("Swish")
def _swish(node: Node) -> None:
    blob, alpha = node.blob(), float(node.attr("alpha", 1.0))
    if alpha == 1.0:
        node.set(node.builder.layer("Swish", [blob], blob.shape))
        return
    gate = node.builder.layer("Sigmoid", [scalar(node.builder, arithmetic.MUL, blob, alpha)], blob.shape)
    node.set(same(node.builder, arithmetic.MUL, blob, gate))


@operator("Gelu")
def _gelu(node: Node) -> None:
    """Exactly where the source is exact; ncnn's own GELU is one or the other by its parameter."""
    blob = node.blob()
    node.set(node.builder.layer("GELU", [blob], blob.shape, {0: int(node.attr("approximate", "none") == "tanh")}))


@operator("ThresholdedRelu")
def _thresholded_relu(node: Node) -> None:
    blob = node.blob()
    node.set(same(node.builder, arithmetic.MUL, blob, above(node.builder, blob, float(node.attr("alpha", 1.0)))))


@operator("Shrink")
def _shrink(node: Node) -> None:
    blob, bias, limit = node.blob(), float(node.attr("bias", 0.0)), float(node.attr("lambd", 0.5))
    node.set(node.builder.layer("Shrink", [blob], blob.shape, {0: bias, 1: limit}))


@operator("Clip")
def _clip(node: Node) -> None:
    if any(node.has(index) and node.constant(index) is None for index in (1, 2)):
        node.set(_clipped_by_tensors(node))
        return
    limits = []
    for index, name in ((1, "min"), (2, "max")):
        value = node.required(index) if node.has(index) else node.attr(name)
        limits.append(None if value is None else float(np.asarray(value).item()))
    low = -math.inf if limits[0] is None else limits[0]
    node.set(clip(node.builder, node.blob(), low, math.inf if limits[1] is None else limits[1]))


def _clipped_by_tensors(node: Node) -> Blob:
    """The limits are computed."""
    blob, shape = node.blob(), node.shape()
    for index, kind in ((1, arithmetic.MAX), (2, arithmetic.MIN)):
        if node.has(index):
            limit, limit_shape = node.small_blob(index)
            blob = binary(node.builder, kind, blob, shape, limit, limit_shape)
    return blob


@operator("PRelu")
def _prelu(node: Node) -> None:
    blob, slope = node.blob(), node.required(1)
    if slope.size == 1:
        node.set(node.builder.layer("ReLU", [blob], blob.shape, {0: float(slope.item())}))
        return
    shape, full = node.shape(), (1,) * (len(node.shape()) - slope.ndim) + slope.shape
    if len(shape) > 1 and math.prod(shape[:1]) == 1 and full[1] == slope.size and len(shape) > 2:
        view, axis = on_axis(blob, shape, 1)
        if axis == 0 and len(view.shape) in (2, 3):
            node.set(node.builder.layer("PReLU", [view], view.shape, {0: slope.size}, [slope]))
            return
    positive = node.builder.layer("ReLU", [blob], blob.shape)
    negative = scalar(node.builder, arithmetic.MIN, blob, 0.0)
    if len(slope.shape) > len(shape):
        raise NotExpressible("a slope of more axes than its input")
    scaled = binary(node.builder, arithmetic.MUL, negative, shape, *node.small_blob(1))
    node.set(same(node.builder, arithmetic.ADD, positive, scaled))


@operator("Softmax", "LogSoftmax")
def _softmax(node: Node) -> None:
    shape = node.shape()
    axis = int(node.attr("axis", -1 if node.opset >= 13 else 1)) % max(1, len(shape))
    if node.opset < 13:  # over all axes from this one on
        view, index = node.blob().view(math.prod(shape[:axis]), math.prod(shape[axis:])), 1
    else:
        view, index = on_axis(node.blob(), shape, axis)
    if node.proto.op_type == "Softmax":
        node.set(node.builder.layer("Softmax", [view], view.shape, {0: index, 1: 1}))
        return
    # The logarithm of ncnn's Softmax would be wrong where that is almost 0.
    kept = (*view.shape[:index], 1, *view.shape[index + 1 :])
    highest = node.builder.layer("Reduction", [view], kept, {0: 4, 1: 0, 3: [index], 4: 1, 5: 1})
    shifted = binary(node.builder, arithmetic.SUB, view, view.shape, highest, kept)
    exponentials = unary(node.builder, arithmetic.EXP, shifted)
    total = node.builder.layer("Reduction", [exponentials], kept, {0: 0, 1: 0, 3: [index], 4: 1, 5: 1})
    logarithm = unary(node.builder, arithmetic.LOG, total)
    node.set(binary(node.builder, arithmetic.SUB, shifted, view.shape, logarithm, kept))

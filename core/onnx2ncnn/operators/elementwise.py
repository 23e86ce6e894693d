"""Arithmetic, comparisons and logic, element by element; truth values are 0 and 1."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from core.onnx2ncnn import arithmetic
from core.onnx2ncnn.arithmetic import above, binary, expanded, inverted, same, scalar, unary
from core.onnx2ncnn.axes import broadcast_views
from core.onnx2ncnn.builder import Blob
from core.onnx2ncnn.node import Node, NotExpressible, operator

_UNARY = {
    "Abs": 0,
    "Neg": 1,
    "Floor": 2,
    "Ceil": 3,
    "Sqrt": 5,
    "Exp": 7,
    "Log": 8,
    "Sin": 9,
    "Cos": 10,
    "Tan": 11,
    "Asin": 12,
    "Acos": 13,
    "Atan": 14,
    "Reciprocal": 15,
    "Round": 18,
    "Sign": 20,
    "Sinh": 22,
    "Asinh": 23,
    "Cosh": 24,
    "Acosh": 25,
    "Atanh": 26,
}
_BINARY = {
    "Add": arithmetic.ADD,
    "Sub": arithmetic.SUB,
    "Mul": arithmetic.MUL,
    "Div": arithmetic.DIV,
    "Max": arithmetic.MAX,
    "Min": arithmetic.MIN,
    "Sum": arithmetic.ADD,
    "Mean": arithmetic.ADD,
    "And": arithmetic.MUL,
    "Or": arithmetic.MAX,
}
_REVERSED = {arithmetic.SUB: arithmetic.RSUB, arithmetic.DIV: arithmetic.RDIV}

_TINY = 1e-30
"""ncnn's power of 0 is not 0."""

_ROUNDING = 1.0 + 1e-6
"""ncnn divides with an error in the last bits: a quotient of integers must not fall below a whole number."""


@operator(*_UNARY)
def _unary(node: Node) -> None:
    node.set(unary(node.builder, _UNARY[node.proto.op_type], node.blob()))


@operator("Identity", "Dropout")
def _identity(node: Node) -> None:
    if node.count > 2 and node.constant(2) is not None and bool(node.required(2)):
        raise NotExpressible("training mode")
    integers = node.integer_blob(0)
    if integers is not None:
        node.set_integers(integers)
    else:
        node.set(node.blob())


@operator("Erf")
def _erf(node: Node) -> None:
    blob = node.blob()
    node.set(node.builder.layer("Erf", [blob], blob.shape))


@operator(*_BINARY)
def _binary(node: Node) -> None:
    kind = _BINARY[node.proto.op_type]
    result, shape = node.small_blob(0)
    for index in range(1, node.count):
        result, shape = _combined(node, kind, result, shape, index)
    if node.proto.op_type == "Mean":
        result = scalar(node.builder, arithmetic.MUL, result, 1.0 / node.count)
    if node.proto.op_type == "Div" and np.issubdtype(node.out_dtype(), np.integer):
        result = unary(node.builder, arithmetic.TRUNC, scalar(node.builder, arithmetic.MUL, result, _ROUNDING))
    node.set(
        result
        if result.size == math.prod(node.out_shape())
        else expanded(node.builder, result, shape, node.out_shape())
    )


def _combined(node: Node, kind: int, left: Blob, left_shape: Sequence[int], index: int) -> tuple[Blob, tuple[int, ...]]:
    """The result so far and one more input."""
    other = node.constant(index)
    shape = np.broadcast_shapes(tuple(left_shape), node.shape(index))
    if other is not None and other.size == 1:
        return scalar(node.builder, kind, left, float(other.item())), shape
    first = node.constant(index - 1) if index == 1 else None
    if first is not None and first.size == 1:
        return scalar(node.builder, _REVERSED.get(kind, kind), node.blob(index), float(first.item())), shape
    right, right_shape = node.small_blob(index)
    made = binary(node.builder, kind, left, left_shape, right, right_shape)
    return made, np.broadcast_shapes(tuple(left_shape), right_shape)


@operator("Expand")
def _expand(node: Node) -> None:
    node.set(expanded(node.builder, node.blob(), node.shape(), node.out_shape()))


@operator("Pow")
def _power(node: Node) -> None:
    exponent, base = node.constant(1), node.blob()
    if exponent is not None and exponent.size == 1:
        node.set(_constant_power(node, base, float(exponent.item())))
        return
    shape = node.shape()
    positive = scalar(node.builder, arithmetic.MAX, base, _TINY)
    result = binary(node.builder, arithmetic.POW, positive, shape, *node.small_blob(1))
    node.set(result)


def _constant_power(node: Node, base: Blob, exponent: float) -> Blob:
    """Whole exponents by multiplication, since ncnn's power of negative numbers is wrong."""
    builder = node.builder
    if exponent == 0.5:
        return unary(builder, arithmetic.SQRT, base)
    if exponent == -0.5:
        return unary(builder, 6, base)
    if exponent < 0 and exponent == int(exponent):
        return unary(builder, arithmetic.RECIPROCAL, _constant_power(node, base, -exponent))
    if exponent == int(exponent) and 1 <= exponent <= 64:
        return _whole_power(node, base, int(exponent))
    if exponent == 0:
        return scalar(builder, arithmetic.ADD, scalar(builder, arithmetic.MUL, base, 0.0), 1.0)
    return scalar(builder, arithmetic.POW, scalar(builder, arithmetic.MAX, base, _TINY), exponent)


def _whole_power(node: Node, base: Blob, exponent: int) -> Blob:
    if exponent == 1:
        return base
    half = _whole_power(node, base, exponent // 2)
    square = unary(node.builder, arithmetic.SQUARE, half)
    return same(node.builder, arithmetic.MUL, square, base) if exponent % 2 else square


@operator("Mod")
def _modulo(node: Node) -> None:
    left, left_shape, right, right_shape = *node.small_blob(0), *node.small_blob(1)
    a, b, shape = broadcast_views(left, left_shape, right, right_shape)
    if node.attr("fmod", 0):
        node.set(node.builder.layer("BinaryOp", [a, b], shape, {0: arithmetic.FMOD}))
        return
    quotient = node.builder.layer("BinaryOp", [a, b], shape, {0: arithmetic.DIV})
    whole = unary(node.builder, arithmetic.FLOOR, scalar(node.builder, arithmetic.MUL, quotient, _ROUNDING))
    multiple = node.builder.layer("BinaryOp", [whole, b], shape, {0: arithmetic.MUL})
    node.set(node.builder.layer("BinaryOp", [a, multiple], shape, {0: arithmetic.SUB}))


@operator("Cast", "CastLike")
def _cast(node: Node) -> None:
    kept = node.integer_blob(0)
    source, target = node.dtype(), node.out_dtype()
    if kept is not None and np.issubdtype(target, np.integer):
        node.set_integers(kept)
        return
    blob = node.blob()
    if target == np.bool_ and source != np.bool_:
        blob = _is_nonzero(node, blob)
    elif np.issubdtype(target, np.integer) and np.issubdtype(source, np.floating):
        blob = unary(node.builder, arithmetic.TRUNC, blob)
    node.set(blob)


def _is_nonzero(node: Node, blob: Blob) -> Blob:
    return above(node.builder, unary(node.builder, arithmetic.ABS, blob))


@operator("Not")
def _not(node: Node) -> None:
    node.set(inverted(node.builder, node.blob()))


@operator("Greater", "Less", "GreaterOrEqual", "LessOrEqual", "Equal", "Xor")
def _compare(node: Node) -> None:
    builder, kind = node.builder, node.proto.op_type
    left, left_shape, right, right_shape = *node.small_blob(0), *node.small_blob(1)
    is_reversed = kind in ("Less", "GreaterOrEqual")
    difference = binary(
        builder, arithmetic.RSUB if is_reversed else arithmetic.SUB, left, left_shape, right, right_shape
    )
    if kind in ("Equal", "Xor"):
        differs = _is_nonzero(node, difference)
        result = inverted(builder, differs) if kind == "Equal" else differs
    else:
        result = above(builder, difference)
        result = inverted(builder, result) if kind.endswith("OrEqual") else result
    small = np.broadcast_shapes(left_shape, right_shape)
    node.set(result if small == node.out_shape() else expanded(node.builder, result, small, node.out_shape()))


@operator("Where")
def _where(node: Node) -> None:
    """``y + condition * (x - y)`` would lose digits beside large numbers, so both are masked and added."""
    builder = node.builder
    condition, shape = node.small_blob(0)
    chosen, chosen_shape = _masked(node, condition, shape, 1)
    other, other_shape = _masked(node, inverted(builder, condition), shape, 2)
    result = binary(builder, arithmetic.ADD, chosen, chosen_shape, other, other_shape)
    small = np.broadcast_shapes(chosen_shape, other_shape)
    node.set(result if small == node.out_shape() else expanded(node.builder, result, small, node.out_shape()))


def _masked(node: Node, condition: Blob, shape: Sequence[int], index: int) -> tuple[Blob, tuple[int, ...]]:
    """An input where the condition holds, else 0; infinity becomes the largest number."""
    constant = node.constant(index)
    if constant is not None and constant.size == 1:
        return scalar(node.builder, arithmetic.MUL, condition, float(np.nan_to_num(constant.item()))), tuple(shape)
    values, values_shape = node.small_blob(index)
    if constant is not None and not np.isfinite(constant).all():
        values = clip_constant(node, constant)
        values_shape = constant.shape
    product = binary(node.builder, arithmetic.MUL, values, values_shape, condition, shape)
    return product, np.broadcast_shapes(values_shape, tuple(shape))


def clip_constant(node: Node, values: np.ndarray) -> Blob:
    """A constant without infinities."""
    return node.builder.constant(np.nan_to_num(np.asarray(values, np.float32)))

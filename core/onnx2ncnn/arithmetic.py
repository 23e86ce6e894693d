"""ncnn's elementwise layers as functions on blobs, for operators that are made of several."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from core.onnx2ncnn.axes import broadcast_views
from core.onnx2ncnn.builder import MAX_AXES, Blob, Builder

ADD, SUB, MUL, DIV, MAX, MIN, POW, RSUB, RDIV, FMOD = 0, 1, 2, 3, 4, 5, 6, 7, 8, 12
"""``op_type`` of BinaryOp; RSUB and RDIV have their operands exchanged."""

ABS, NEG, FLOOR, CEIL, SQUARE, SQRT, EXP, LOG, RECIPROCAL, ROUND, TRUNC, SIGN = 0, 1, 2, 3, 4, 5, 7, 8, 15, 18, 19, 20
"""``op_type`` of UnaryOp."""

_LARGEST = 3.4e38


def binary(builder: Builder, kind: int, a: Blob, a_shape: Sequence[int], b: Blob, b_shape: Sequence[int]) -> Blob:
    """One BinaryOp, with numpy's broadcasting of the shapes in the source."""
    left, right, shape = broadcast_views(a, a_shape, b, b_shape)
    if len(shape) > MAX_AXES:
        full = np.broadcast_shapes(tuple(a_shape), tuple(b_shape))
        return same(builder, kind, expanded(builder, a, a_shape, full), expanded(builder, b, b_shape, full))
    return builder.layer("BinaryOp", [left, right], shape, _operation(kind))


def _operation(kind: int) -> dict[int, int]:
    """The parameter of a BinaryOp, whose default is the addition."""
    return {} if kind == ADD else {0: kind}


def same(builder: Builder, kind: int, a: Blob, b: Blob) -> Blob:
    """One BinaryOp of two blobs with the same number of values in the same order."""
    shape = a.shape if len(a.shape) <= MAX_AXES else (a.size,)
    return builder.layer("BinaryOp", [a.view(*shape), b.view(*shape)], shape, _operation(kind))


def expanded(builder: Builder, blob: Blob, shape: Sequence[int], target: Sequence[int]) -> Blob:
    """The blob repeated along the axes in which the target is larger, by numpy's broadcasting."""
    sizes = [1] * (len(target) - len(shape)) + list(shape)
    for axis, wanted in enumerate(target):
        if sizes[axis] != wanted:
            rows = blob.view(math.prod(sizes[:axis]), 1, math.prod(sizes[axis + 1 :]))
            sizes[axis] = wanted
            blob = builder.layer("Tile", [rows], (rows.shape[0], wanted, rows.shape[2]), {0: 1, 1: wanted})
    return blob


def scalar(builder: Builder, kind: int, blob: Blob, number: float) -> Blob:
    """One BinaryOp with a number."""
    number = max(-_LARGEST, min(_LARGEST, float(number)))
    return builder.layer("BinaryOp", [blob], blob.shape, {0: kind, 1: 1, 2: number})


def unary(builder: Builder, kind: int, blob: Blob) -> Blob:
    """One UnaryOp."""
    return builder.layer("UnaryOp", [blob], blob.shape, {0: kind})


def above(builder: Builder, blob: Blob, limit: float = 0.0) -> Blob:
    """1 where a value is above the limit, else 0."""
    return builder.layer("Threshold", [blob], blob.shape, {0: limit})


def clip(builder: Builder, blob: Blob, low: float = -_LARGEST, high: float = _LARGEST) -> Blob:
    """Values cut off at both limits, which may be infinite."""
    return builder.layer("Clip", [blob], blob.shape, {0: max(float(low), -_LARGEST), 1: min(float(high), _LARGEST)})


def inverted(builder: Builder, condition: Blob) -> Blob:
    """1 for 0 and 0 for 1."""
    return scalar(builder, RSUB, condition, 1.0)

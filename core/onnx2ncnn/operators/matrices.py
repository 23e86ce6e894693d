"""Matrix products."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from core.onnx2ncnn import arithmetic
from core.onnx2ncnn.arithmetic import binary, expanded, scalar
from core.onnx2ncnn.builder import Blob, Builder
from core.onnx2ncnn.node import Node, NotExpressible, operator
from core.onnx2ncnn.operators.movements import transposed
from core.runtimes.predictor import Tensor


@operator("MatMul")
def _matmul(node: Node) -> None:
    weights = node.constant(1)
    if weights is not None and weights.ndim == 2 and not node.is_shared(1):
        node.set(linear(node.builder, node.blob(), node.shape(), weights.T, None))
        return
    node.set(product(node.builder, node.blob(0), node.shape(0), node.blob(1), node.shape(1)))


def linear(builder: Builder, blob: Blob, shape: Sequence[int], weights: Tensor, bias: Tensor | None) -> Blob:
    """Rows times constant weights.

    Args:
        builder: gets the layer.
        blob: the tensor's values.
        shape: of the tensor, whose last axis is multiplied.
        weights: shape (outputs, inputs).
        bias: shape (outputs,).
    """
    outputs, inputs = weights.shape
    rows = math.prod(shape) // inputs
    bottom = blob.view(inputs) if rows == 1 else blob.view(rows, inputs)
    params = {0: outputs, 1: int(bias is not None), 2: weights.size}
    arrays = [np.ascontiguousarray(weights, np.float32)] + ([] if bias is None else [np.asarray(bias, np.float32)])
    return builder.layer("InnerProduct", [bottom], (*bottom.shape[:-1], outputs), params, arrays)


def product(builder: Builder, a: Blob, a_shape: Sequence[int], b: Blob, b_shape: Sequence[int]) -> Blob:
    """Product of two computed tensors, with numpy's rules."""
    left = tuple(a_shape) if len(a_shape) > 1 else (1, *a_shape)
    right = tuple(b_shape) if len(b_shape) > 1 else (*b_shape, 1)
    rank = max(len(left), len(right))
    left, right = (1,) * (rank - len(left)) + left, (1,) * (rank - len(right)) + right
    batch = tuple(map(max, left[:-2], right[:-2]))
    if math.prod(right[:-2]) == 1:  # one matrix for all rows
        left, right = (math.prod(left[:-1]), left[-1]), right[-2:]
        return builder.layer("MatMul", [a.view(*left), b.view(*right)], (left[0], right[1]))
    if left[:-2] != right[:-2] and math.prod(left[:-2]) != 1:
        a, b = expanded(builder, a, left, (*batch, *left[-2:])), expanded(builder, b, right, (*batch, *right[-2:]))
        left, right = (*batch, *left[-2:]), (*batch, *right[-2:])
    count = math.prod(batch)
    first = a.view(count if math.prod(left[:-2]) > 1 else 1, *left[-2:])
    second = b.view(count, *right[-2:])
    return builder.layer("MatMul", [first, second], (count, left[-2], right[-1]))


@operator("Gemm")
def _gemm(node: Node) -> None:
    alpha, beta = float(node.attr("alpha", 1.0)), float(node.attr("beta", 1.0))
    weights, bias = node.constant(1), node.constant(2)
    a, shape = node.blob(), node.shape()
    if node.attr("transA", 0):
        a, shape = transposed(node.builder, a, shape, (1, 0)), (shape[1], shape[0])
    columns = node.out_shape()[1]
    is_row = (
        not node.has(2)
        or (bias is not None and bias.size in (1, columns) and bias.shape[-1:] != (1,))
        or (bias is not None and bias.size == 1)
    )
    if weights is not None and not node.is_shared(1) and is_row:
        weights = weights if node.attr("transB", 0) else weights.T
        row = None if bias is None else np.broadcast_to(beta * bias.ravel(), (columns,))
        node.set(linear(node.builder, a, shape, alpha * weights, row))
        return
    b, b_shape = node.blob(1), node.shape(1)
    if node.attr("transB", 0):
        b, b_shape = transposed(node.builder, b, b_shape, (1, 0)), (b_shape[1], b_shape[0])
    result = product(node.builder, a, shape, b, b_shape)
    result = result if alpha == 1.0 else scalar(node.builder, arithmetic.MUL, result, alpha)
    if node.has(2) and beta:
        other, other_shape = node.small_blob(2)
        other = other if beta == 1.0 else scalar(node.builder, arithmetic.MUL, other, beta)
        result = binary(node.builder, arithmetic.ADD, result, node.out_shape(), other, other_shape)
    node.set(result)


@operator("Einsum")
def _einsum(node: Node) -> None:
    """One or two operands, as transposes, sums and one matrix product."""
    equation = str(node.attr("equation")).replace(" ", "")
    if "." in equation or node.count > 2:
        raise NotExpressible("an ellipsis, or more than two operands")
    inputs, _, result = equation.partition("->")
    terms = inputs.split(",")
    letters = "".join(terms)
    if "->" not in equation:
        result = "".join(sorted(letter for letter in set(letters) if letters.count(letter) == 1))
    if any(len(set(term)) != len(term) for term in terms):
        raise NotExpressible("a repeated index")
    shapes = [node.shape(index) for index in range(len(terms))]
    sizes = dict(pair for term, shape in zip(terms, shapes, strict=True) for pair in zip(term, shape, strict=True))
    blobs = [node.blob(index) for index in range(len(terms))]
    if len(terms) == 1:
        blobs.append(node.builder.constant(np.ones((1,), np.float32)))
        terms.append("")
    node.set(_contracted(node.builder, blobs, terms, result, sizes))


def _contracted(
    builder: Builder, blobs: Sequence[Blob], terms: Sequence[str], result: str, sizes: dict[str, int]
) -> Blob:
    from core.onnx2ncnn.operators.reductions import SUM, reduced

    cleaned = []
    for index, (blob, term) in enumerate(zip(blobs, terms, strict=True)):
        other = terms[1 - index]
        summed = [axis for axis, letter in enumerate(term) if letter not in result and letter not in other]
        blob = reduced(builder, SUM, blob, [sizes[letter] for letter in term], summed) if summed else blob
        cleaned.append((blob, "".join(letter for letter in term if letter in result or letter in other)))
    (a, left), (b, right) = cleaned
    batch = [letter for letter in left if letter in right and letter in result]
    common = [letter for letter in left if letter in right and letter not in result]
    rows = [letter for letter in left if letter not in right]
    columns = [letter for letter in right if letter not in left]

    def arranged(blob: Blob, term: str, order: Sequence[str]) -> Blob:
        return transposed(builder, blob, [sizes[letter] for letter in term], [term.index(letter) for letter in order])

    counts = [math.prod(sizes[letter] for letter in group) for group in (batch, rows, common, columns)]
    first = arranged(a, left, [*batch, *rows, *common])
    second = arranged(b, right, [*batch, *common, *columns])
    made = product(builder, first, (counts[0], counts[1], counts[2]), second, (counts[0], counts[2], counts[3]))
    order = [*batch, *rows, *columns]
    shape = [sizes[letter] for letter in order]
    return transposed(builder, made, shape, [order.index(letter) for letter in result]) if order else made

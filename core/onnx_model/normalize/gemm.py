"""Gemm with alpha, beta and a bias of any shape -> Gemm with a bias of one number for each output."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from core.onnx_model.graph import attributes, copy_node
from core.onnx_model.normalize.edit import Editor, is_plain, rewrite_nodes

_OPTIONAL_BIAS = 11
"""Opset from which on a Gemm needs no bias."""


def plain_gemm(model: onnx.ModelProto) -> bool:
    """Multiply alpha and beta into the constants, and give constant biases the shape (N,).

    Quantisers and pnnx take a bias of that shape only. onnxruntime's static quantiser sets beta to 1 and leaves the
    bias as it was.
    """
    edit = Editor(model)
    if edit.opset < 7:  # its broadcasting was an attribute
        return False
    return rewrite_nodes(model.graph, partial(_plain, edit))


def _plain(edit: Editor, node: onnx.NodeProto) -> list[onnx.NodeProto] | None:
    if not is_plain(node, "Gemm") or len(node.input) < 2:
        return None
    found = attributes(node)
    alpha, beta = float(found.get("alpha", 1.0)), float(found.get("beta", 1.0))
    gemm = copy_node(node)
    before = [] if alpha == 1 else _scale_product(edit, gemm, alpha)
    before_bias, after = _set_bias(edit, gemm, beta)
    if gemm == node and beta == 1:
        return None
    for attribute in [one for one in gemm.attribute if one.name in ("alpha", "beta")]:
        gemm.attribute.remove(attribute)
    return [*before, *before_bias, gemm, *after]


def _scale_product(edit: Editor, gemm: onnx.NodeProto, alpha: float) -> list[onnx.NodeProto]:
    """Multiply alpha into the constant factor, or else into the first one."""
    for index in (1, 0):
        values = edit.read(gemm.input[index])
        if values is not None:
            gemm.input[index] = edit.constant(_scaled(values, alpha), f"{gemm.input[index]}_scaled")
            return []
    return [_scale_input(edit, gemm, 0, alpha)]


def _scale_input(edit: Editor, gemm: onnx.NodeProto, index: int, factor: float) -> onnx.NodeProto:
    scale = edit.constant(np.array(factor, np.float32), f"{gemm.output[0]}_factor")
    scaled = edit.node("Mul", [gemm.input[index], scale])
    gemm.input[index] = scaled.output[0]
    return scaled


def _set_bias(edit: Editor, gemm: onnx.NodeProto, beta: float) -> tuple[list[onnx.NodeProto], list[onnx.NodeProto]]:
    """Set the bias for a beta of 1.

    Returns:
        The nodes that must come before and after the Gemm.
    """
    name = gemm.input[2] if len(gemm.input) > 2 else ""
    values, width = edit.read(name), _width(edit, gemm)
    if not name or (beta == 0 and (edit.opset >= _OPTIONAL_BIAS or width is not None)):
        _clear_bias(edit, gemm, width, is_needed=bool(name) and edit.opset < _OPTIONAL_BIAS)
        return [], []
    if values is None:
        return ([] if beta == 1 else [_scale_input(edit, gemm, 2, beta)]), []
    if beta == 1 and values.ndim == 1 and values.size == (width or values.size) and values.size != 1:
        return [], []
    scaled = _scaled(values, beta)
    row = _as_row(scaled, width)
    if row is not None:
        if beta != 1 or row.shape != values.shape:
            gemm.input[2] = edit.constant(row, f"{name}_row")
        return [], []
    if edit.opset < _OPTIONAL_BIAS:
        if beta != 1:
            gemm.input[2] = edit.constant(scaled, f"{name}_scaled")
        return [], []
    return [], [_add_after(edit, gemm, scaled)]


def _clear_bias(edit: Editor, gemm: onnx.NodeProto, width: int | None, *, is_needed: bool) -> None:
    del gemm.input[2:]
    if is_needed and width is not None:
        gemm.input.append(edit.constant(np.zeros(width, np.float32), f"{gemm.output[0]}_zeros"))


def _add_after(edit: Editor, gemm: onnx.NodeProto, values: NDArray[Any]) -> onnx.NodeProto:
    """A bias that differs from row to row is added behind the product."""
    output, gemm.output[0] = gemm.output[0], edit.name(f"{gemm.output[0]}_product")
    del gemm.input[2:]
    return edit.node("Add", [gemm.output[0], edit.constant(values, f"{output}_bias")], output)


def _width(edit: Editor, gemm: onnx.NodeProto) -> int | None:
    """Number of outputs, where the weights are constant."""
    weights = edit.read(gemm.input[1])
    if weights is None or weights.ndim != 2:
        return None
    return int(weights.shape[0 if attributes(gemm).get("transB", 0) else 1])


def _as_row(values: NDArray[Any], width: int | None) -> NDArray[Any] | None:
    """The bias as (N,); None where its rows differ or N is unknown."""
    matrix = np.atleast_2d(values)
    if matrix.ndim != 2 or not matrix.size or not (matrix == matrix[:1]).all():
        return None
    row = matrix[0]
    if width is None:
        return row if row.size > 1 else None
    return np.broadcast_to(row, (width,)) if row.size in (1, width) else None


def _scaled(values: NDArray[Any], factor: float) -> NDArray[Any]:
    return (values * factor).astype(values.dtype)

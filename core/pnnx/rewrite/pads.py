"""Explicit pads for ``auto_pad`` and asymmetric ones, which pnnx silently converts to symmetric pads."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from core.onnx_model.graph import ONNX_DOMAINS
from core.pnnx.rewrite.values import Replacement, add_weight, set_ints, static_shape

_FLOAT32_MIN = np.finfo(np.float32).min
_PAD_INPUTS_OPSET = 11
"""From this opset on, Pad takes the pads as an input instead of an attribute."""


def make_pads_explicit(graph: ir.Graph) -> bool:
    """Give convolutions and poolings explicit symmetric pads; asymmetric ones become a Pad node before them.

    AveragePool with ``count_include_pad=0`` counts what a Pad node adds; a product with constants takes that back.

    Args:
        graph: with the shapes of its tensors; it is changed.

    Returns:
        Whether anything was changed.

    Raises:
        ValueError: the name of a new weight is taken.
    """
    changed = False
    opset = max(version for domain, version in graph.opset_imports.items() if domain in ONNX_DOMAINS)
    for node in tuple(graph):
        if node.op_type in ("Conv", "MaxPool", "AveragePool") and opset >= _PAD_INPUTS_OPSET:
            pads = _pads(node)
            if pads is not None and (_has_auto_pad(node) or not _is_symmetric(pads)):
                changed |= _rewrite(graph, node, pads)
    return changed


def _has_auto_pad(node: ir.Node) -> bool:
    return node.attributes.get_string("auto_pad", "NOTSET") in ("SAME_UPPER", "SAME_LOWER")


def _is_symmetric(pads: Sequence[int]) -> bool:
    return pads[: len(pads) // 2] == pads[len(pads) // 2 :]


def _pads(node: ir.Node) -> Sequence[int] | None:
    """Pads at the begin of each spatial axis, then at the end of each; None where they are unknown.

    ``auto_pad`` is resolved as in the ONNX specification of Conv and MaxPool.
    """
    attributes = node.attributes
    if not _has_auto_pad(node):
        return attributes.get_ints("pads")
    shape, kernel = static_shape(node.inputs[0]), _kernel(node)
    if len(shape) != len(kernel) + 2 or not all(shape):
        return None
    ones = [1] * len(kernel)
    totals = [
        max(0, (math.ceil(size / stride) - 1) * stride + (length - 1) * dilation + 1 - size)
        for size, stride, length, dilation in zip(
            shape[2:], attributes.get_ints("strides", ones), kernel, attributes.get_ints("dilations", ones), strict=True
        )
    ]
    small, large = [total // 2 for total in totals], [total - total // 2 for total in totals]
    return small + large if attributes.get_string("auto_pad") == "SAME_UPPER" else large + small


def _kernel(node: ir.Node) -> Sequence[int]:
    return node.attributes.get_ints("kernel_shape") or static_shape(node.inputs[1])[2:]


def _rewrite(graph: ir.Graph, node: ir.Node, pads: Sequence[int]) -> bool:
    is_symmetric = _is_symmetric(pads)
    if not is_symmetric and node.op_type == "AveragePool" and not node.attributes.get_int("count_include_pad", 0):
        return _average_without_pads(graph, node, pads)
    for name in ("auto_pad", "pads"):
        node.attributes.pop(name, None)
    if is_symmetric:
        set_ints(node, pads=pads)
    else:
        _insert_pad(graph, node, pads)
    return True


def _average_without_pads(graph: ir.Graph, node: ir.Node, pads: Sequence[int]) -> bool:
    """The average with the zeros counted, times kernel size over how many of its pixels are inside."""
    sizes, kernel, result = static_shape(node.inputs[0])[2:], _kernel(node), static_shape(node.outputs[0])
    attributes, axes = node.attributes, len(kernel)
    if attributes.get_int("ceil_mode", 0) or len(sizes) != axes or not result:
        return False
    factors = np.ones((1, 1, *[1] * axes))
    for axis, (size, length, stride) in enumerate(
        zip(sizes, kernel, attributes.get_ints("strides", [1] * axes), strict=True)
    ):
        first = np.arange(result[axis + 2]) * stride - pads[axis]
        inside = np.minimum(first + length, size) - np.maximum(first, 0)
        factors = factors * (length / inside).reshape([-1 if other == axis + 2 else 1 for other in range(axes + 2)])
    new = Replacement(graph, node)
    zeros = np.array([0, 0, *pads[:axes], 0, 0, *pads[axes:]], np.int64)
    padded = new.add("Pad", node.inputs[0], new.constant(zeros, np.int64), mode="constant")
    kept = {name: attributes.get_ints(name) for name in ("kernel_shape", "strides") if name in attributes}
    return new.finish(new.add("Mul", new.add("AveragePool", padded, **kept), new.constant(factors)))


def _insert_pad(graph: ir.Graph, node: ir.Node, pads: Sequence[int]) -> None:
    name, axes = f"{node.outputs[0].name}_padded", len(pads) // 2
    sizes = add_weight(graph, f"{name}_sizes", np.array([0, 0, *pads[:axes], 0, 0, *pads[axes:]], np.int64))
    fill = np.array(_FLOAT32_MIN if node.op_type == "MaxPool" else 0.0, np.float32)
    value = add_weight(graph, f"{name}_value", fill)
    pad = ir.node("Pad", [node.inputs[0], sizes, value], {"mode": "constant"}, outputs=[ir.Value(name=name)], name=name)
    graph.insert_before(node, pad)
    node.replace_input_with(0, pad.outputs[0])

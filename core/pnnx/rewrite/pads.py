"""Pooling that pads by rule or unevenly: pnnx pads it evenly instead, and says nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from core.pnnx.rewrite.values import add_weight, set_ints, static_shape

_LOWEST = np.finfo(np.float32).min
_PAD_WITH_INPUTS = 11
"""Opset from which Pad takes its sizes as inputs."""


def spell_out_pads(graph: ir.Graph) -> bool:
    """Give every convolution and pooling even pads in numbers; uneven ones become a Pad of their own.

    An average that leaves the pads out of its count is not touched: with a Pad it would count them.

    Args:
        graph: with the shapes of its tensors; it is changed.

    Returns:
        Whether anything was changed.

    Raises:
        ValueError: the name of a new weight is taken.
    """
    changed = False
    opset = max(version for domain, version in graph.opset_imports.items() if domain in ("", "ai.onnx"))
    for node in tuple(graph):
        if node.op_type in ("Conv", "MaxPool", "AveragePool") and opset >= _PAD_WITH_INPUTS:
            pads = _pads(node)
            if pads is not None and (_is_by_rule(node) or not _is_even(pads)):
                changed |= _respell(graph, node, pads)
    return changed


def _is_by_rule(node: ir.Node) -> bool:
    return node.attributes.get_string("auto_pad", "NOTSET") in ("SAME_UPPER", "SAME_LOWER")


def _is_even(pads: Sequence[int]) -> bool:
    return pads[: len(pads) // 2] == pads[len(pads) // 2 :]


def _pads(node: ir.Node) -> Sequence[int] | None:
    """Begins, then ends, one number for each axis of the picture; None where they cannot be known.

    Rule: the ONNX specification, ``auto_pad`` of Conv and MaxPool.
    """
    given = node.attributes
    if not _is_by_rule(node):
        return given.get_ints("pads")
    shape, kernel = static_shape(node.inputs[0]), given.get_ints("kernel_shape")
    if kernel is None or len(shape) != len(kernel) + 2 or not all(shape):
        return None
    ones = [1] * len(kernel)
    whole = [
        max(0, (math.ceil(size / stride) - 1) * stride + (width - 1) * dilation + 1 - size)
        for size, stride, width, dilation in zip(
            shape[2:], given.get_ints("strides", ones), kernel, given.get_ints("dilations", ones), strict=True
        )
    ]
    small, large = [pad // 2 for pad in whole], [pad - pad // 2 for pad in whole]
    return small + large if given.get_string("auto_pad") == "SAME_UPPER" else large + small


def _respell(graph: ir.Graph, node: ir.Node, pads: Sequence[int]) -> bool:
    is_even = _is_even(pads)
    if not is_even and node.op_type == "AveragePool" and not node.attributes.get_int("count_include_pad", 0):
        return False
    for name in ("auto_pad", "pads"):
        node.attributes.pop(name, None)
    if is_even:
        set_ints(node, pads=pads)
    else:
        _pad_before(graph, node, pads)
    return True


def _pad_before(graph: ir.Graph, node: ir.Node, pads: Sequence[int]) -> None:
    name, half = f"{node.outputs[0].name}_padded", len(pads) // 2
    sizes = add_weight(graph, f"{name}_sizes", np.array([0, 0, *pads[:half], 0, 0, *pads[half:]], np.int64))
    lowest = np.array(_LOWEST if node.op_type == "MaxPool" else 0.0, np.float32)
    value = add_weight(graph, f"{name}_value", lowest)
    pad = ir.node("Pad", [node.inputs[0], sizes, value], {"mode": "constant"}, outputs=[ir.Value(name=name)], name=name)
    graph.insert_before(node, pad)
    node.replace_input_with(0, pad.outputs[0])

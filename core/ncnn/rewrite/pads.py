"""Pooling that pads by rule or unevenly: pnnx pads it evenly instead, and says nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import onnx
from onnx import helper

from core.ncnn.rewrite.graph import Graph, attributes

_LOWEST = np.finfo(np.float32).min
_PAD_WITH_INPUTS = 11
"""Opset from which Pad takes its sizes as inputs."""


def spell_out_pads(graph: Graph) -> bool:
    """Give every convolution and pooling even pads in numbers; uneven ones become a Pad of their own.

    An average that leaves the pads out of its count is not touched: with a Pad it would count them.

    Returns:
        Whether anything was changed.
    """
    changed = False
    for node in tuple(graph.nodes):
        if node.op_type not in ("Conv", "MaxPool", "AveragePool") or graph.opset < _PAD_WITH_INPUTS:
            continue
        given = attributes(node)
        pads = _pads(graph, node, given)
        if pads is not None and (_is_by_rule(given) or not _is_even(pads)):
            changed |= _respell(graph, node, given, pads)
    return changed


def _is_by_rule(given: Mapping[str, Any]) -> bool:
    return given.get("auto_pad", b"NOTSET") in (b"SAME_UPPER", b"SAME_LOWER")


def _is_even(pads: list[int]) -> bool:
    return pads[: len(pads) // 2] == pads[len(pads) // 2 :]


def _pads(graph: Graph, node: onnx.NodeProto, given: Mapping[str, Any]) -> list[int] | None:
    """Begins, then ends, one number for each axis of the picture; None where they cannot be known.

    Rule: the ONNX specification, ``auto_pad`` of Conv and MaxPool.
    """
    if not _is_by_rule(given):
        return list(given["pads"]) if "pads" in given else None
    shape, kernel = graph.shapes.get(node.input[0], ()), given.get("kernel_shape")
    if kernel is None or len(shape) != len(kernel) + 2 or not all(shape):
        return None
    ones = [1] * len(kernel)
    whole = [
        max(0, (math.ceil(size / stride) - 1) * stride + (width - 1) * dilation + 1 - size)
        for size, stride, width, dilation in zip(
            shape[2:], given.get("strides", ones), kernel, given.get("dilations", ones), strict=True
        )
    ]
    small, large = [pad // 2 for pad in whole], [pad - pad // 2 for pad in whole]
    return small + large if given["auto_pad"] == b"SAME_UPPER" else large + small


def _respell(graph: Graph, node: onnx.NodeProto, given: dict[str, Any], pads: list[int]) -> bool:
    options = {name: value for name, value in given.items() if name not in ("auto_pad", "pads")}
    if _is_even(pads):
        graph.replace(node, _again(node, node.input, {**options, "pads": pads}))
        return True
    if node.op_type == "AveragePool" and not given.get("count_include_pad", 0):
        return False
    padded = f"{node.output[0]}_padded"
    half = len(pads) // 2
    sizes = graph.add_weight(f"{padded}_sizes", np.array([0, 0, *pads[:half], 0, 0, *pads[half:]], np.int64))
    value = graph.add_weight(f"{padded}_value", np.array(_LOWEST if node.op_type == "MaxPool" else 0.0, np.float32))
    pad = helper.make_node("Pad", [node.input[0], sizes, value], [padded], padded, mode="constant")
    graph.replace(node, pad, _again(node, [padded, *node.input[1:]], options))
    return True


def _again(node: onnx.NodeProto, inputs: Iterable[str], options: Mapping[str, Any]) -> onnx.NodeProto:
    return helper.make_node(node.op_type, list(inputs), list(node.output), node.name, **options)

"""YOLO's *Focus*: a picture taken apart pixel by pixel and joined as channels, written as a convolution.

ncnn has no slices with a step. Taking every second pixel is a convolution with a stride and with weights of
0 and 1, and a convolution that follows it is the same convolution with a larger kernel: YOLOv5 itself
replaced its Focus of 3x3 by one convolution of 6x6 in version 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from core.ncnn.rewrite.graph import Graph, attributes


@dataclass(frozen=True)
class _Every:
    """Every so manieth row and column of a tensor."""

    origin: str
    start: tuple[int, int] = (0, 0)
    step: tuple[int, int] = (1, 1)


def focus_to_convolution(graph: Graph) -> bool:
    """Write every Focus as a convolution, joined with the one that follows it where there is one.

    Returns:
        Whether there was any.
    """
    changed = False
    for node in tuple(graph.nodes):
        parts = _parts(graph, node)
        if parts is not None:
            _rewrite(graph, node, parts)
            changed = True
    return changed


def _parts(graph: Graph, node: onnx.NodeProto) -> list[_Every] | None:
    """What a Concat joins, if it joins pixels of one tensor and each in the same step."""
    if node.op_type != "Concat" or attributes(node).get("axis") != 1:
        return None
    makers = graph.makers
    parts = [_trace(graph, makers.get(name), name) for name in node.input]
    same = {(part.origin, part.step) if part else None for part in parts}
    if len(same) != 1 or None in same or parts[0] is None or parts[0].step == (1, 1):
        return None
    origin, step = parts[0].origin, parts[0].step
    shape = graph.shapes.get(origin, ())
    fits = len(shape) == 4 and all(shape) and shape[2] % step[0] == 0 and shape[3] % step[1] == 0
    found = [part for part in parts if part is not None and _is_below(part.start, step)]
    return found if fits and len(found) == len(parts) else None


def _is_below(start: tuple[int, int], step: tuple[int, int]) -> bool:
    return start[0] < step[0] and start[1] < step[1]


def _trace(graph: Graph, node: onnx.NodeProto | None, name: str) -> _Every | None:
    """Follow slices back to the tensor that they were taken from."""
    if node is None or node.op_type != "Slice":
        return _Every(name)
    before = _trace(graph, graph.makers.get(node.input[0]), node.input[0])
    sizes = graph.shapes.get(node.input[0], ())
    starts, ends, axes, steps = (graph.values(node, index) for index in (1, 2, 3, 4))
    if before is None or len(sizes) != 4 or starts is None or ends is None or axes is None or steps is None:
        return None
    start, step = list(before.start), list(before.step)
    for first, last, axis, every in zip(starts, ends, axes, steps, strict=True):
        place = int(axis) % 4 - 2
        # A slice that stops early leaves pixels out, which a convolution over all of them cannot do.
        if place < 0 or first < 0 or every < 1 or int(last) < sizes[place + 2]:
            return None
        start[place] += step[place] * int(first)
        step[place] *= int(every)
    return _Every(before.origin, (start[0], start[1]), (step[0], step[1]))


def _rewrite(graph: Graph, node: onnx.NodeProto, parts: Sequence[_Every]) -> None:
    origin, step = parts[0].origin, parts[0].step
    channels = graph.shapes[origin][1]
    following = _following(graph, node.output[0])
    if following is None:
        alike = np.eye(len(parts) * channels, dtype=np.float32)[:, :, np.newaxis, np.newaxis]
        weight = graph.add_weight(f"{node.output[0]}_weight", _spread(alike, parts, channels))
        alone = helper.make_node(
            "Conv", [origin, weight], list(node.output), node.name, kernel_shape=step, strides=step
        )
        graph.replace(node, alone)
        return
    convolution, kernel = following
    weight = graph.add_weight(f"{node.output[0]}_weight", _spread(kernel, parts, channels))
    given = attributes(convolution)
    joined = helper.make_node(
        "Conv",
        [origin, weight, *convolution.input[2:]],
        list(convolution.output),
        convolution.name,
        kernel_shape=[kernel.shape[2] * step[0], kernel.shape[3] * step[1]],
        strides=[a * b for a, b in zip(given.get("strides", [1, 1]), step, strict=True)],
        pads=[a * b for a, b in zip(given.get("pads", [0] * 4), step * 2, strict=True)],
    )
    graph.replace(convolution, joined)


def _following(graph: Graph, name: str) -> tuple[onnx.NodeProto, NDArray[np.float32]] | None:
    """The one convolution that reads a tensor, and its weights, if it can be joined with what comes before."""
    readers = graph.readers(name)
    if len(readers) != 1 or readers[0].op_type != "Conv" or readers[0].input[0] != name:
        return None
    given, weight = attributes(readers[0]), graph.values(readers[0], 1)
    plain = given.get("auto_pad", b"NOTSET") == b"NOTSET" and given.get("group", 1) == 1
    if weight is None or weight.ndim != 4 or not plain or any(d != 1 for d in given.get("dilations", [1])):
        return None
    return readers[0], weight.astype(np.float32)


def _spread(kernel: NDArray[np.float32], parts: Sequence[_Every], channels: int) -> NDArray[np.float32]:
    """A kernel over the joined channels, as a kernel over the pixels that they were taken from.

    Args:
        kernel: shape (outputs, parts * channels, height, width).
        parts: which pixels each group of channels holds.
        channels: of the tensor that they come from.

    Returns:
        Shape (outputs, channels, height * step, width * step).
    """
    down, right = parts[0].step
    outputs, _, height, width = kernel.shape
    spread = np.zeros((outputs, channels, height * down, width * right), np.float32)
    for index, part in enumerate(parts):
        own = kernel[:, index * channels : (index + 1) * channels]
        spread[:, :, part.start[0] :: down, part.start[1] :: right] += own
    return spread

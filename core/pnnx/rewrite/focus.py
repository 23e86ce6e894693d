"""YOLO's *Focus*: a picture taken apart pixel by pixel and joined as channels, written as a convolution.

ncnn has no slices with a step. Taking every second pixel is a convolution with a stride and with weights of
0 and 1, and a convolution that follows it is the same convolution with a larger kernel: YOLOv5 itself
replaced its Focus of 3x3 by one convolution of 6x6 in version 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from core.pnnx.rewrite.values import add_weight, constant, set_ints, static_shape


@dataclass(frozen=True)
class _Every:
    """Every so manieth row and column of a tensor."""

    origin: ir.Value
    start: tuple[int, int] = (0, 0)
    step: tuple[int, int] = (1, 1)


def focus_to_convolution(graph: ir.Graph) -> bool:
    """Write every Focus as a convolution, joined with the one that follows it where there is one.

    Args:
        graph: with the shapes of its tensors; it is changed, and what nobody reads any more stays in it.

    Returns:
        Whether there was any.

    Raises:
        ValueError: the name of a new weight is taken.
    """
    changed = False
    for node in tuple(graph):
        parts = _parts(node)
        if parts is not None:
            _rewrite(graph, node, parts)
            changed = True
    return changed


def _parts(node: ir.Node) -> list[_Every] | None:
    """What a Concat joins, if it joins pixels of one tensor and each in the same step."""
    if node.op_type != "Concat" or node.attributes.get_int("axis") != 1:
        return None
    parts = [part for value in node.inputs if value is not None and (part := _trace(value)) is not None]
    if len(parts) != len(node.inputs) or len({(part.origin, part.step) for part in parts}) != 1:
        return None
    step, shape = parts[0].step, static_shape(parts[0].origin)
    fits = len(shape) == 4 and all(shape) and shape[2] % step[0] == 0 and shape[3] % step[1] == 0
    return parts if fits and step != (1, 1) and all(_is_below(part.start, step) for part in parts) else None


def _is_below(start: tuple[int, int], step: tuple[int, int]) -> bool:
    return start[0] < step[0] and start[1] < step[1]


def _trace(value: ir.Value) -> _Every | None:
    """Follow slices back to the tensor that they were taken from."""
    node = value.producer()
    if node is None or node.op_type != "Slice" or node.inputs[0] is None:
        return _Every(value)
    before, sizes = _trace(node.inputs[0]), static_shape(node.inputs[0])
    starts, ends, axes, steps = (constant(node, index) for index in (1, 2, 3, 4))
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


def _rewrite(graph: ir.Graph, node: ir.Node, parts: Sequence[_Every]) -> None:
    origin, step = parts[0].origin, parts[0].step
    channels = static_shape(origin)[1]
    name = f"{node.outputs[0].name}_weight"
    following = _following(node.outputs[0])
    if following is None:
        alike = np.eye(len(parts) * channels, dtype=np.float32)[:, :, np.newaxis, np.newaxis]
        weight = add_weight(graph, name, _spread(alike, parts, channels))
        alone = ir.node("Conv", [origin, weight], {"kernel_shape": step, "strides": step}, name=node.name)
        ir.convenience.replace_nodes_and_values(graph, node, [node], [alone], node.outputs, alone.outputs)
        return
    convolution, kernel = following
    given = convolution.attributes
    convolution.replace_input_with(0, origin)
    convolution.replace_input_with(1, add_weight(graph, name, _spread(kernel, parts, channels)))
    set_ints(
        convolution,
        kernel_shape=[kernel.shape[2] * step[0], kernel.shape[3] * step[1]],
        strides=[a * b for a, b in zip(given.get_ints("strides", [1, 1]), step, strict=True)],
        pads=[a * b for a, b in zip(given.get_ints("pads", [0] * 4), step * 2, strict=True)],
    )


def _following(value: ir.Value) -> tuple[ir.Node, NDArray[np.float32]] | None:
    """The one convolution that reads a tensor, and its weights, if it can be joined with what comes before."""
    uses = tuple(value.uses())
    if value.is_graph_output() or len(uses) != 1 or uses[0].node.op_type != "Conv" or uses[0].idx != 0:
        return None
    given, weight = uses[0].node.attributes, constant(uses[0].node, 1)
    plain = given.get_string("auto_pad", "NOTSET") == "NOTSET" and given.get_int("group", 1) == 1
    if weight is None or weight.ndim != 4 or not plain or any(d != 1 for d in given.get_ints("dilations", [1])):
        return None
    return uses[0].node, weight.astype(np.float32)


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

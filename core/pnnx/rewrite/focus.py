"""YOLO's *Focus* layer (space to depth by strided slices and a Concat), rewritten as a convolution.

ncnn has no slices with a step. Taking every second pixel is a strided convolution with weights of 0 and 1, and a
convolution that follows can be merged with it to one with a larger kernel: YOLOv5 itself replaced Focus and a
convolution of 3x3 by one convolution of 6x6 in version 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from core.pnnx.rewrite.values import add_weight, constant, set_ints, static_shape


@dataclass(frozen=True)
class _StridedSlice:
    """Rows and columns of ``origin`` from ``start`` on, each ``step``-th one."""

    origin: ir.Value
    start: tuple[int, int] = (0, 0)
    step: tuple[int, int] = (1, 1)


def focus_to_convolution(graph: ir.Graph) -> bool:
    """Rewrite every Focus as a convolution, merged with a following one where there is one.

    Args:
        graph: with the shapes of its tensors; it is changed, and nodes that become unused stay in it.

    Returns:
        Whether there was any.

    Raises:
        ValueError: the name of a new weight is taken.
    """
    changed = False
    for node in tuple(graph):
        slices = _focus_slices(node)
        if slices is not None:
            _rewrite(graph, node, slices)
            changed = True
    return changed


def _focus_slices(node: ir.Node) -> list[_StridedSlice] | None:
    """The inputs of a Concat, if it is a Focus: strided slices of one tensor, all with the same step."""
    if node.op_type != "Concat" or node.attributes.get_int("axis") != 1:
        return None
    slices = [found for value in node.inputs if value is not None and (found := _trace(value)) is not None]
    if len(slices) != len(node.inputs) or len({(found.origin, found.step) for found in slices}) != 1:
        return None
    step, shape = slices[0].step, static_shape(slices[0].origin)
    fits = len(shape) == 4 and all(shape) and shape[2] % step[0] == 0 and shape[3] % step[1] == 0
    return slices if fits and step != (1, 1) and all(_is_below(found.start, step) for found in slices) else None


def _is_below(start: tuple[int, int], step: tuple[int, int]) -> bool:
    return start[0] < step[0] and start[1] < step[1]


def _trace(value: ir.Value) -> _StridedSlice | None:
    """Compose a chain of Slice nodes into one slice of the tensor at its start; None if it cannot be expressed."""
    node = value.producer()
    if node is None or node.op_type != "Slice" or node.inputs[0] is None:
        return _StridedSlice(value)
    before, sizes = _trace(node.inputs[0]), static_shape(node.inputs[0])
    starts, ends, axes, steps = (constant(node, index) for index in (1, 2, 3, 4))
    if before is None or len(sizes) != 4 or starts is None or ends is None or axes is None or steps is None:
        return None
    start, step = list(before.start), list(before.step)
    for first, end, axis, stride in zip(starts, ends, axes, steps, strict=True):
        spatial = int(axis) % 4 - 2
        # A slice that stops early leaves pixels out, which a convolution cannot do.
        if spatial < 0 or first < 0 or stride < 1 or int(end) < sizes[spatial + 2]:
            return None
        start[spatial] += step[spatial] * int(first)
        step[spatial] *= int(stride)
    return _StridedSlice(before.origin, (start[0], start[1]), (step[0], step[1]))


def _rewrite(graph: ir.Graph, node: ir.Node, slices: Sequence[_StridedSlice]) -> None:
    origin, step = slices[0].origin, slices[0].step
    channels = static_shape(origin)[1]
    name = f"{node.outputs[0].name}_weight"
    following = _mergeable_convolution(node.outputs[0])
    if following is None:
        identity = np.eye(len(slices) * channels, dtype=np.float32)[:, :, np.newaxis, np.newaxis]
        weight = add_weight(graph, name, _merged_kernel(identity, slices, channels))
        focus = ir.node("Conv", [origin, weight], {"kernel_shape": step, "strides": step}, name=node.name)
        ir.convenience.replace_nodes_and_values(graph, node, [node], [focus], node.outputs, focus.outputs)
        return
    convolution, kernel = following
    attributes = convolution.attributes
    convolution.replace_input_with(0, origin)
    convolution.replace_input_with(1, add_weight(graph, name, _merged_kernel(kernel, slices, channels)))
    set_ints(
        convolution,
        kernel_shape=[kernel.shape[2] * step[0], kernel.shape[3] * step[1]],
        strides=[a * b for a, b in zip(attributes.get_ints("strides", [1, 1]), step, strict=True)],
        pads=[a * b for a, b in zip(attributes.get_ints("pads", [0] * 4), step * 2, strict=True)],
    )


def _mergeable_convolution(value: ir.Value) -> tuple[ir.Node, NDArray[np.float32]] | None:
    """The only reader of a tensor, with its weights, if it is a convolution that can be merged with a Focus."""
    uses = tuple(value.uses())
    if value.is_graph_output() or len(uses) != 1 or uses[0].node.op_type != "Conv" or uses[0].idx != 0:
        return None
    attributes, weight = uses[0].node.attributes, constant(uses[0].node, 1)
    plain = attributes.get_string("auto_pad", "NOTSET") == "NOTSET" and attributes.get_int("group", 1) == 1
    if weight is None or weight.ndim != 4 or not plain or any(d != 1 for d in attributes.get_ints("dilations", [1])):
        return None
    return uses[0].node, weight.astype(np.float32)


def _merged_kernel(kernel: NDArray[np.float32], slices: Sequence[_StridedSlice], channels: int) -> NDArray[np.float32]:
    """The kernel on the output of a Focus, as a kernel on its input.

    Args:
        kernel: shape (outputs, slices * channels, height, width).
        slices: the inputs of the Focus, in the order in which it concatenates them.
        channels: of the tensor that they are slices of.

    Returns:
        Shape (outputs, channels, height * step, width * step).
    """
    down, right = slices[0].step
    outputs, _, height, width = kernel.shape
    merged = np.zeros((outputs, channels, height * down, width * right), np.float32)
    for index, (top, left) in enumerate(found.start for found in slices):
        merged[:, :, top::down, left::right] += kernel[:, index * channels : (index + 1) * channels]
    return merged

"""DepthToSpace and SpaceToDepth with the block before the channels, where pnnx knows the channels before the block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from core.pnnx.rewrite.values import Replacement, add_weight, constant, only_reader, static_shape

_ELEMENTWISE = frozenset(
    {"Relu", "Sigmoid", "Tanh", "LeakyRelu", "Clip", "HardSwish", "HardSigmoid", "Elu", "Softplus"}
)
_TO_SPACE, _TO_DEPTH = [0, 3, 4, 1, 5, 2], [0, 3, 5, 1, 2, 4]
"""Transposes of six axes, between two reshapes: tf.depth_to_space and tf.space_to_depth, written out."""


def reorder_depth_to_space(graph: ir.Graph) -> bool:
    """Reorder the channels of the convolution beside it, or the channels themselves (ncnn's ShuffleChannel).

    Args:
        graph: with the shapes of its tensors; it is changed.

    Returns:
        Whether there was any.

    Raises:
        ValueError: the name of a new constant is taken.
    """
    changed = False
    for node in tuple(graph):
        if node.op_type == "DepthToSpace" and node.attributes.get_string("mode", "DCR") == "DCR":
            changed |= _to_space(graph, node, node.inputs[0], node.attributes.get_int("blocksize"))
        elif node.op_type == "SpaceToDepth":
            changed |= _to_depth(graph, node, node.inputs[0], node.attributes.get_int("blocksize"))
        elif node.op_type == "Reshape":
            changed |= _written_out(graph, node)
    return changed


def _written_out(graph: ir.Graph, node: ir.Node) -> bool:
    """A Reshape that ends such an operator written as Reshape, Transpose, Reshape."""
    transpose = None if node.inputs[0] is None else node.inputs[0].producer()
    reshape = None if transpose is None or transpose.inputs[0] is None else transpose.inputs[0].producer()
    if transpose is None or reshape is None or (transpose.op_type, reshape.op_type) != ("Transpose", "Reshape"):
        return False
    origin, order = reshape.inputs[0], list(transpose.attributes.get_ints("perm", []))
    before, parts, after = map(static_shape, (origin, reshape.outputs[0], node.outputs[0]))
    if len(before) != 4 or len(parts) != 6 or before[0] != 1:
        return False
    _, channels, height, width = before
    if order == _TO_SPACE and parts[1] == parts[2]:
        block = parts[1]
        fits = after == (1, channels // block**2, height * block, width * block) and parts[3:] == (
            after[1],
            height,
            width,
        )
        return fits and _to_space(graph, node, origin, block)
    if order == _TO_DEPTH and parts[3] == parts[5]:
        block = parts[3]
        fits = after == (1, channels * block**2, height // block, width // block)
        return fits and parts[1:3] == (channels, after[2]) and _to_depth(graph, node, origin, block)
    return False


def _to_space(graph: ir.Graph, node: ir.Node, value: ir.Value | None, block: int) -> bool:
    shape = static_shape(value)
    if value is None or len(shape) != 4:
        return False
    new, kept = Replacement(graph, node), shape[1] // block**2
    order = np.arange(shape[1]).reshape(block**2, kept).T.reshape(-1)
    if not _permute_outputs(graph, value, order):
        value = _shuffle(new, value, shape, block**2)
    return new.finish(new.add("DepthToSpace", value, blocksize=block, mode="CRD"))


def _to_depth(graph: ir.Graph, node: ir.Node, value: ir.Value | None, block: int) -> bool:
    shape = static_shape(value)
    if value is None or len(shape) != 4:
        return False
    _, channels, height, width = shape
    new, result = Replacement(graph, node), [1, channels * block**2, height // block, width // block]
    # As torch exports pixel_unshuffle, which pnnx recognises: the channels before the block.
    value = new.reshape(value, [1, channels, result[2], block, result[3], block])
    value = new.reshape(new.add("Transpose", value, perm=[0, 1, 3, 5, 2, 4]), result)
    order = np.arange(result[1]).reshape(block**2, channels).T.reshape(-1)
    return new.finish(
        value if _permute_inputs(graph, node.outputs[0], order) else _shuffle(new, value, result, channels)
    )


def _shuffle(new: Replacement, value: ir.Value, shape: Sequence[int], groups: int) -> ir.Value:
    """The channels of all groups in turn, in place of one group after another."""
    if groups in (1, shape[1]):
        return value
    parts = new.reshape(value, [1, groups, shape[1] // groups, *shape[2:]])
    return new.reshape(new.add("Transpose", parts, perm=[0, 2, 1, 3, 4]), shape)


def _permute_outputs(graph: ir.Graph, value: ir.Value, order: NDArray[np.integer[Any]]) -> bool:
    """Reorder the output channels of the convolution before it; False where there is none."""
    node = value.producer()
    while (
        node is not None
        and node.op_type in _ELEMENTWISE
        and only_reader(value) is not None
        and node.inputs[0] is not None
    ):
        value = node.inputs[0]
        node = value.producer()
    if node is None or node.op_type != "Conv" or only_reader(value) is None or node.attributes.get_int("group", 1) != 1:
        return False
    weights = [constant(node, index) for index in range(1, len(node.inputs))]
    if any(weight is None or len(weight) != len(order) for weight in weights):
        return False
    for index, weight in enumerate(weights, 1):
        assert weight is not None
        node.replace_input_with(index, add_weight(graph, f"{value.name}_reordered{index}", weight[order]))
    return True


def _permute_inputs(graph: ir.Graph, value: ir.Value, order: NDArray[np.integer[Any]]) -> bool:
    """Reorder the input channels of the convolution behind it; False where there is none."""
    node = only_reader(value)
    if node is None or node.op_type != "Conv" or node.attributes.get_int("group", 1) != 1:
        return False
    weight = constant(node, 1)
    if weight is None or node.inputs[0] is not value:
        return False
    node.replace_input_with(1, add_weight(graph, f"{value.name}_reordered", weight[:, order]))
    return True

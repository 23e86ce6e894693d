"""Resize, of which pnnx knows what torch exports: other ways to write it, and other coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from core.pnnx.rewrite.values import Replacement, constant, opset_of, rewrite_nodes, static_shape
from core.runtimes.onnx import OnnxPredictor

_SPATIAL = 2
_LARGEST_AXIS = 2048
"""Pixels of an axis up to which a Resize may become a multiplication with a matrix."""


def simplify_resize(graph: ir.Graph) -> bool:
    """Rewrite every Resize of images as the simplest one that gives the same, or as products with two matrices.

    A Resize is linear and works on one axis after the other, so that each axis is a product with a constant matrix.

    Args:
        graph: with the shapes of its tensors; it is changed.

    Returns:
        Whether there was any.

    Raises:
        ValueError: the name of a new constant is taken.
    """
    return rewrite_nodes(graph, {"Resize": _rewrite})


def _rewrite(graph: ir.Graph, node: ir.Node) -> bool:
    value, shape, result = node.inputs[0], static_shape(node.inputs[0]), static_shape(node.outputs[0])
    if value is None or len(shape) not in (3, 4) or len(result) != len(shape) or max(shape + result) > _LARGEST_AXIS:
        return False
    resized = [axis for axis, (a, b) in enumerate(zip(shape, result, strict=True)) if a != b]
    new = Replacement(graph, node)
    if not resized:
        return new.finish(new.add("Identity", value)) if _keeps_size(node) else False
    if len(shape) == 4 and resized[-1] == 2 and resized[0] == 1:  # height and width before the channels
        value = new.add("Transpose", value, perm=[0, 3, 1, 2])
        matrices = {axis + 1: _matrix(graph, node, axis, shape[axis], result[axis]) for axis in resized}
        value = _resize(
            new, value, matrices, [shape[axis] for axis in (0, 3, 1, 2)], [result[axis] for axis in (0, 3, 1, 2)]
        )
        return new.finish(new.add("Transpose", value, perm=[0, 2, 3, 1]))
    if resized[0] < _SPATIAL or _is_read(node):
        return False
    matrices = {axis: _matrix(graph, node, axis, shape[axis], result[axis]) for axis in resized}
    return new.finish(_resize(new, value, matrices, shape, result))


def _keeps_size(node: ir.Node) -> bool:
    return node.attributes.get_string("coordinate_transformation_mode", "half_pixel") != "tf_crop_and_resize"


def _is_read(node: ir.Node) -> bool:
    """Whether pnnx and ncnn do with it what they should, as it is: what torch exports."""
    attributes = node.attributes
    if len(static_shape(node.inputs[0])) != 4 or {"axes", "antialias"} & set(attributes):
        return False
    mode, rule = (
        attributes.get_string("mode", "nearest"),
        attributes.get_string("coordinate_transformation_mode", "half_pixel"),
    )
    scales = constant(node, 2)
    if mode == "nearest":
        # With scales that are no whole numbers ncnn rounds in another way than ONNX.
        plain = (rule, attributes.get_string("nearest_mode", "")) == ("asymmetric", "floor")
        return plain and scales is not None and scales.size == 4 and bool(np.all(scales == np.round(scales)))
    if mode == "cubic" and abs(attributes.get_float("cubic_coeff_a", -0.75) + 0.75) > 1e-6:
        return False
    return rule in ("half_pixel", "pytorch_half_pixel", "align_corners") and "mode" in attributes


def _resize(
    new: Replacement, value: ir.Value, matrices: dict[int, NDArray[Any]], shape: Sequence[int], result: Sequence[int]
) -> ir.Value:
    """The axes from the second on resized by matrices of shape (before, after)."""
    scales = [b / a for a, b in zip(shape, result, strict=True)]
    if len(shape) == 4 and all(_repeats(matrix) for matrix in matrices.values()):
        return new.add(
            "Resize",
            value,
            None,
            new.constant(scales),
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )
    for axis, mode in ((len(shape) - 1, ""), (len(shape) - 2, "rows")):
        if axis not in matrices:
            continue
        if mode:
            value = new.add("MatMul", new.constant(matrices[axis].T), value)
        else:
            value = new.add("MatMul", value, new.constant(matrices[axis]))
    return value


def _repeats(matrix: NDArray[Any]) -> bool:
    """Whether it repeats each pixel as many times."""
    before, after = matrix.shape
    return after % before == 0 and np.array_equal(matrix, np.repeat(np.eye(before), after // before, axis=1))


def _matrix(graph: ir.Graph, node: ir.Node, axis: int, before: int, after: int) -> NDArray[Any]:
    """What the node does to one axis: its answer to every unit vector."""
    attributes: dict[str, Any] = {
        attribute.name: attribute.value for attribute in node.attributes.values() if attribute.name != "axes"
    }
    opset, scales = opset_of(graph), constant(node, 2)
    axes = list(node.attributes.get_ints("axes", range(len(static_shape(node.inputs[0])))))
    if scales is not None and scales.size:
        given = numpy_helper.from_array(np.array([1, 1, 1, scales[axes.index(axis)]], np.float32), "s")
    else:
        given = numpy_helper.from_array(np.array([1, 1, before, after], np.int64), "s")
    inputs = ["x", "", "s"] if given.data_type == TensorProto.FLOAT else ["x", "", "", "s"]
    made = helper.make_node(node.op_type, inputs, ["y"], **attributes)
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, before, size])
        for name, size in (("x", before), ("y", after))
    ]
    graph_proto = helper.make_graph([made], "axis", values[:1], values[1:], [given])
    model = helper.make_model(graph_proto, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    predictor = OnnxPredictor(model, threads=1)
    try:
        matrix: NDArray[Any] = predictor.run({"x": np.eye(before, dtype=np.float32)[np.newaxis, np.newaxis]})["y"][0, 0]
        return matrix
    finally:
        predictor.close()

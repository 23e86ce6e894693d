"""Resizing, and sampling at computed places."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

from core.onnx2ncnn.node import Node, NotExpressible, operator
from core.onnx2ncnn.operators.movements import along_axis
from core.runtimes.onnx import OnnxPredictor
from core.runtimes.predictor import Tensor

_MODES = {"nearest": 1, "linear": 2, "cubic": 3}
_SAMPLING = {"bilinear": 1, "linear": 1, "nearest": 2, "bicubic": 3, "cubic": 3}
_BORDERS = {"zeros": 1, "border": 2, "reflection": 3}
_CUBIC = -0.75
_COPIED = ("mode", "coordinate_transformation_mode", "nearest_mode", "cubic_coeff_a", "exclude_outside", "antialias")


@operator("Resize", "Upsample")
def _resize(node: Node) -> None:
    """By ncnn's Interp where that is the same; else, since resizing is linear, by a matrix along each axis."""
    shape, out_shape, blob = list(node.shape()), node.out_shape(), node.blob()
    if str(node.attr("coordinate_transformation_mode", "")) == "tf_crop_and_resize":
        raise NotExpressible("cropping to a region")
    matrices = {axis: _matrix(node, axis) for axis in range(len(shape)) if shape[axis] != out_shape[axis]}
    mode = str(node.attr("mode", "nearest"))
    if len(shape) == 4 and shape[0] == 1 and set(matrices) <= {2, 3}:
        for is_aligned in (False, True):
            if all(_is_interp(one, mode, aligned=is_aligned) for one in matrices.values()):
                params = {0: _MODES[mode], 3: out_shape[2], 4: out_shape[3], 6: int(is_aligned)}
                node.set(node.builder.layer("Interp", [blob.view(*shape[1:])], out_shape[1:], params))
                return
    for axis, matrix in matrices.items():
        blob = along_axis(node.builder, blob, shape, axis, matrix)
        shape[axis] = out_shape[axis]
    node.set(blob)


def _matrix(node: Node, axis: int) -> Tensor:
    """The matrix of one axis, shape (new size, old size): what onnxruntime makes of unit vectors."""
    size, scale = node.shape()[axis], _scale(node, axis)
    if scale is None:
        target, name = np.array([1, size, node.out_shape()[axis], 1], np.int64), "sizes"
    else:
        target, name = np.array([1, 1, scale, 1], np.float32), "scales"
    attributes = {key: node.attr(key) for key in _COPIED if node.attr(key) is not None}
    if node.proto.op_type == "Upsample" or node.opset < 11:
        attributes |= {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    inputs = ["x", "", name] if name == "scales" else ["x", "", "", name]
    unit = np.eye(size, dtype=np.float32).reshape(1, size, size, 1)
    graph = helper.make_graph(
        [helper.make_node("Resize", inputs, ["y"], **attributes)],
        "resize",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, unit.shape)],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
        [numpy_helper.from_array(target, name)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", max(18, node.opset))], ir_version=8)
    predictor = OnnxPredictor(model, threads=1)
    try:
        (result,) = predictor.run({"x": unit}).values()
    finally:
        predictor.close()
    return np.ascontiguousarray(result.reshape(size, -1).T)


def _scale(node: Node, axis: int) -> float | None:
    """The scale of an axis where the node has scales, which may differ from the ratio of sizes."""
    rank = len(node.shape())
    index = 1 if node.proto.op_type == "Upsample" or node.opset < 11 else 2
    values = node.constant(index) if node.has(index) else node.attr("scales")
    if values is None or not np.size(values):
        return None
    axes = [int(one) % rank for one in node.attr("axes", range(rank))]
    return float(np.ravel(values)[axes.index(axis)]) if axis in axes else 1.0


def _is_interp(matrix: Tensor, mode: str, *, aligned: bool) -> bool:
    out, size = matrix.shape
    return np.allclose(matrix, _interp(mode, size, out, aligned=aligned), atol=1e-5)


def _interp(mode: str, size: int, out: int, *, aligned: bool) -> Tensor:
    """The matrix of ncnn's Interp along one axis."""
    matrix = np.zeros((out, size), np.float32)
    if mode == "nearest":
        places = np.minimum((np.arange(out) * (size / out)).astype(int), size - 1)
        matrix[np.arange(out), places] = 1.0
        return matrix
    ratio = (size - 1) / (out - 1) if aligned and out > 1 else size / out
    places = np.arange(out) * ratio if aligned else (np.arange(out) + 0.5) * ratio - 0.5
    for row, place in enumerate(places):
        low = int(np.floor(place))
        part = place - low
        weights = {0: 1 - part, 1: part} if mode == "linear" else _cubic_weights(part)
        for offset, weight in weights.items():
            matrix[row, min(max(low + offset, 0), size - 1)] += weight
    return matrix


def _cubic_weights(part: float) -> dict[int, float]:
    """Keys' convolution with a = -0.75."""
    far, near = part + 1, part
    outer = _CUBIC * far**3 - 5 * _CUBIC * far**2 + 8 * _CUBIC * far - 4 * _CUBIC
    inner = (_CUBIC + 2) * near**3 - (_CUBIC + 3) * near**2 + 1
    near = 1 - part
    mirrored = (_CUBIC + 2) * near**3 - (_CUBIC + 3) * near**2 + 1
    return {-1: outer, 0: inner, 1: mirrored, 2: 1 - outer - inner - mirrored}


@operator("GridSample")
def _grid_sample(node: Node) -> None:
    shape, grid, out_shape = node.shape(), node.shape(1), node.out_shape()
    if shape[0] != 1 or len(shape) != 4:
        raise NotExpressible("a batch, or volumes")
    params = {0: _SAMPLING[str(node.attr("mode", "linear"))], 1: _BORDERS[str(node.attr("padding_mode", "zeros"))]}
    params[2] = int(node.attr("align_corners", 0))
    bottoms = [node.blob().view(*shape[1:]), node.blob(1).view(*grid[1:])]
    node.set(node.builder.layer("GridSample", bottoms, out_shape[1:], params))

"""Graph nodes that sample the rows which a layer multiplies its weights with (im2col), for GPTQ's statistics."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
import onnx
from onnx import helper, numpy_helper

from core.onnx_model.graph import attributes
from core.quantization.onnx.layers import QuantizableLayer

_PATCHES_PER_AXIS = 8
"""Patches sampled along each axis of one sample: neighbouring patches are nearly the same."""

_ROWS_PER_SAMPLE = 64
"""Rows of a matrix sampled in one sample."""


def add_patches(
    model: onnx.ModelProto,
    layers: list[QuantizableLayer],
    shapes: Mapping[str, tuple[int, ...]],
    *,
    density: float = 1.0,
) -> dict[str, str]:
    """Let the graph compute some of the patches that each layer multiplies its weights with.

    For a convolution that is a depthwise convolution whose kernels hold a single 1 (im2col as a
    node) and whose strides leave out most positions; for a matrix product every n-th row.

    Args:
        model: is changed: nodes and constants are added, outputs are not.
        layers: of this model.
        shapes: tensor name -> its shape for a typical input, which sets the strides.
        density: factor on the number of patches; above 1 where there are few samples.

    Returns:
        Name of the layer's node -> name of the new tensor.
    """
    nodes = {node.name: node for node in model.graph.node}
    names: dict[str, str] = {}
    made: dict[bytes, str] = {}
    for layer in layers:
        node = nodes[layer.node]
        built = _conv_patches if node.op_type == "Conv" else _matrix_rows
        name = f"__patches_{len(made)}"
        added = list(built(node, layer, shapes, density))
        key = b"".join(part.SerializeToString(deterministic=True) for part in added)
        if key not in made:  # layers that share an input share their patches
            made[key] = name
            add_parts(model.graph, added, name)
        names[layer.node] = made[key]
    return names


def add_parts(graph: onnx.GraphProto, parts: list[onnx.NodeProto | onnx.TensorProto], name: str) -> None:
    """Insert nodes and constants; ``@`` in their names stands for ``name``."""
    for part in parts:
        if isinstance(part, onnx.TensorProto):
            part.name = part.name.replace("@", name)
            graph.initializer.append(part)
            continue
        for field in (part.input, part.output):
            field[:] = [entry.replace("@", name) if entry.startswith("@") else entry for entry in field]
        graph.node.append(part)


def _conv_patches(
    node: onnx.NodeProto, layer: QuantizableLayer, shapes: Mapping[str, tuple[int, ...]], density: float
) -> Iterator[onnx.NodeProto | onnx.TensorProto]:
    kernel = layer.shape[2:]
    channels = layer.shape[1] * layer.groups
    size = int(np.prod(kernel))
    own = attributes(node)
    strides = own.get("strides", [1] * len(kernel))
    sides = shapes[node.input[0]][2:]
    patches = _PATCHES_PER_AXIS * density ** (1 / len(sides))
    sparse = [
        stride * max(1, math.ceil(side / (stride * patches))) for stride, side in zip(strides, sides, strict=True)
    ]
    kept = {name: own[name] for name in ("pads", "dilations") if name in own}
    if size == 1 and not any(kept.get("pads", [])):
        yield from slice_nodes(node.input[0], "@", every=sparse, axis=2)
        return
    one_hot = np.tile(np.eye(size, dtype=np.float32).reshape(size, 1, *kernel), (channels, *[1] * (len(kernel) + 1)))
    yield numpy_helper.from_array(one_hot, "@_kernel")
    yield helper.make_node("Conv", [node.input[0], "@_kernel"], ["@"], group=channels, strides=sparse, **kept)


def _matrix_rows(
    node: onnx.NodeProto, layer: QuantizableLayer, shapes: Mapping[str, tuple[int, ...]], density: float
) -> Iterator[onnx.NodeProto | onnx.TensorProto]:
    columns = layer.shape[0 if layer.transposed else 1]
    count = int(np.prod(shapes[node.input[0]])) // columns
    yield numpy_helper.from_array(np.array([-1, columns], np.int64), "@_shape")
    yield helper.make_node("Reshape", [node.input[0], "@_shape"], ["@_rows"])
    yield from slice_nodes("@_rows", "@", every=[max(1, int(count / (_ROWS_PER_SAMPLE * density)))])


def slice_nodes(
    tensor: str, result: str, *, every: list[int], axis: int = 0
) -> Iterator[onnx.NodeProto | onnx.TensorProto]:
    """Take every n-th entry along consecutive axes, beginning with ``axis``."""
    count = len(every)
    for name, values in (
        ("starts", [0] * count),
        ("ends", [np.iinfo(np.int64).max] * count),
        ("axes", range(axis, axis + count)),
        ("steps", every),
    ):
        yield numpy_helper.from_array(np.array(values, np.int64), f"@_{name}")
    yield helper.make_node("Slice", [tensor, "@_starts", "@_ends", "@_axes", "@_steps"], [result])

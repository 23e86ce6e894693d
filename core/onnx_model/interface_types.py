"""Inputs and outputs of a 32-bit model in the types that its source has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper

from core.onnx_model.graph import all_nodes, copy_model
from core.onnx_model.source import TensorInfo


def with_interface_types(
    model: onnx.ModelProto, inputs: Sequence[TensorInfo], outputs: Sequence[TensorInfo]
) -> onnx.ModelProto:
    """Add casts where the source has floats of 16 or 64 bit, so that the file takes and gives what the source does.

    Args:
        model: it is not changed.
        inputs: of the source.
        outputs: of the source.

    Returns:
        The same model where all types are the source's.
    """
    if not any(_wanted(model.graph.input, inputs)) and not any(_wanted(model.graph.output, outputs)):
        return model
    changed = copy_model(model)
    graph = changed.graph
    before, after = [], []
    for value, kind in _wanted(graph.input, inputs):
        inner = _rename(changed, value.name)
        before.append(helper.make_node("Cast", [value.name], [inner], f"{inner}_cast", to=TensorProto.FLOAT))
        value.type.tensor_type.elem_type = kind
    for value, kind in _wanted(graph.output, outputs):
        inner = _rename(changed, value.name)
        after.append(helper.make_node("Cast", [inner], [value.name], f"{inner}_cast", to=kind))
        value.type.tensor_type.elem_type = kind
    nodes = [*before, *graph.node, *after]
    kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(kept)
    return changed


def _wanted(
    values: Sequence[onnx.ValueInfoProto], tensors: Sequence[TensorInfo]
) -> Iterator[tuple[onnx.ValueInfoProto, int]]:
    """32-bit floats that are floats of another size in the source, with that type."""
    types = {tensor.name: tensor.dtype for tensor in tensors}
    for value in values:
        dtype = types.get(value.name, "unknown")
        if value.type.tensor_type.elem_type == TensorProto.FLOAT and dtype in ("float16", "float64"):
            yield value, helper.np_dtype_to_tensor_dtype(np.dtype(dtype))


def _rename(model: onnx.ModelProto, name: str) -> str:
    """Give a tensor another name wherever nodes read or write it."""
    inner = f"{name}_float32"
    for node in all_nodes(model.graph):
        for names in (node.input, node.output):
            for index, each in enumerate(names):
                if each == name:
                    names[index] = inner
    return inner

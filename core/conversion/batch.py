"""Models exported for a fixed number of samples at a time, rewritten to take one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import numpy_helper

from core.onnx_model.graph import copy_model
from core.onnx_model.source import TensorInfo
from core.runtimes.predictor import Feeds, Tensor

_SHAPES = {"Reshape": 1, "Expand": 1, "ConstantOfShape": 0}
"""Operators that read a shape -> which of their inputs it is."""

_STATES = range(5, 7)
"""Inputs of a recurrent layer with one state for each sample, along axis 1."""

_RECURRENT = ("LSTM", "GRU", "RNN")


def samples_at_a_time(tensors: Sequence[TensorInfo]) -> int:
    """The first axis of all tensors, where it is fixed, the same, and above 1; else 1.

    Args:
        tensors: inputs and outputs of a model.
    """
    sizes = {tensor.shape[0] if len(tensor.shape) > 1 else None for tensor in tensors}
    size = sizes.pop()
    return size if not sizes and isinstance(size, int) and size > 1 else 1


def for_one_sample(model: onnx.ModelProto, count: int) -> onnx.ModelProto:
    """The model for one sample at a time, as far as it can be told; whether its outputs are the same is not tried.

    Args:
        model: with its sizes fixed; it is not changed.
        count: samples that it takes at a time.
    """
    changed = copy_model(model)
    for value in (*changed.graph.input, *changed.graph.output):
        dims = value.type.tensor_type.shape.dim
        if dims and dims[0].dim_value == count:
            dims[0].dim_value = 1
    del changed.graph.value_info[:]
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in changed.graph.initializer}
    for node in changed.graph.node:
        for index, name in enumerate(node.input):
            reduced = _reduced(node, index, constants[name], count) if name in constants else None
            if reduced is not None:
                node.input[index] = f"{name}_of_one_{node.output[0]}"
                changed.graph.initializer.append(numpy_helper.from_array(reduced, node.input[index]))
    used = {name for node in changed.graph.node for name in node.input}
    for tensor in [tensor for tensor in changed.graph.initializer if tensor.name not in used]:
        changed.graph.initializer.remove(tensor)
    return changed


def first_sample(model: onnx.ModelProto, feeds: Feeds) -> dict[str, Tensor]:
    """What a model of :func:`for_one_sample` takes of a feed; all of it for any other model."""
    first = {value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim][:1] for value in model.graph.input}
    return {name: tensor[:1] if first.get(name) == [1] else tensor for name, tensor in feeds.items()}


def _reduced(node: onnx.NodeProto, index: int, values: Tensor, count: int) -> Tensor | None:
    """A constant for one sample; None where it does not change."""
    if _SHAPES.get(node.op_type) == index:
        is_first = values.ndim == 1 and values.size > 0 and values[0] == count
        return np.concatenate([np.ones(1, values.dtype), values[1:]]) if is_first else None
    axis = 1 if node.op_type in _RECURRENT and index in _STATES else 0
    if values.ndim <= max(1, axis) or values.shape[axis] != count or values.dtype != np.float32:
        return None
    first = values.take([0], axis)
    return first if np.array_equal(np.broadcast_to(first, values.shape), values) else None

"""Numbers of 16 and 64 bit -> 32 bit."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from core.onnx_model.graph import all_graphs, all_nodes

HALF = frozenset({TensorProto.FLOAT16, TensorProto.BFLOAT16})
DOUBLE = frozenset({TensorProto.DOUBLE})

_TYPE_ATTRIBUTES = frozenset({"to", "dtype", "output_dtype", "stash_type", "softmax_precision"})


def raise_half(model: onnx.ModelProto) -> bool:
    """Raise all 16-bit floats to 32 bit: weights, inputs, outputs and casts."""
    return _change(model, HALF)


def lower_double(model: onnx.ModelProto) -> bool:
    """Lower all 64-bit floats to 32 bit, where weights, inputs or outputs have them.

    Where only a step in between has them, as for the sizes of a picture, it may need them.
    """
    values = [*model.graph.input, *model.graph.output]
    given = {value.type.tensor_type.elem_type for value in values}
    given |= {tensor.data_type for tensor in model.graph.initializer if tensor.dims}
    given |= {tensor.data_type for tensor in _attribute_tensors(model) if tensor.dims}
    return bool(DOUBLE & given) and _change(model, DOUBLE)


def _change(model: onnx.ModelProto, kinds: Collection[int]) -> bool:
    changed = False
    for graph in all_graphs(model.graph):
        for value in (*graph.input, *graph.output, *graph.value_info):
            tensor = value.type.tensor_type
            if value.type.HasField("tensor_type") and tensor.elem_type in kinds:
                tensor.elem_type, changed = TensorProto.FLOAT, True
        for constant in graph.initializer:
            changed |= _change_tensor(constant, kinds)
    for constant in _attribute_tensors(model):
        changed |= _change_tensor(constant, kinds)
    for node in all_nodes(model.graph):
        for attribute in node.attribute:
            if attribute.name in _TYPE_ATTRIBUTES and attribute.i in kinds:
                attribute.i, changed = TensorProto.FLOAT, True
    return changed


def _attribute_tensors(model: onnx.ModelProto) -> Iterator[TensorProto]:
    for node in all_nodes(model.graph):
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors


def _change_tensor(tensor: TensorProto, kinds: Collection[int]) -> bool:
    if tensor.data_type not in kinds:
        return False
    try:
        values = _as_float32(numpy_helper.to_array(tensor))
    except (ValueError, TypeError, KeyError, OSError):  # the data was left out: the file's structure alone is read
        tensor.data_type = TensorProto.FLOAT
        return True
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    return True


def _as_float32(values: NDArray[Any]) -> NDArray[np.float32]:
    """Finite numbers stay finite: masks hold the most negative one of their type."""
    limit = np.finfo(np.float32).max
    wide = values.astype(np.float64)
    return np.where(np.isfinite(wide), np.clip(wide, -limit, limit), wide).astype(np.float32)

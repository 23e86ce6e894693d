"""Weights that several nodes use."""

from __future__ import annotations

import math

import onnx


def repeated_bytes(model: onnx.ModelProto) -> int:
    """Bytes by which the weights would grow if each node that uses them stored them for itself.

    Args:
        model: may be without the data of its external weights.
    """
    sizes = {
        tensor.name: math.prod(tensor.dims) * onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
        for tensor in model.graph.initializer
    }
    used = [name for node in model.graph.node for name in node.input if name in sizes]
    return int(sum(sizes[name] for name in used) - sum(sizes[name] for name in set(used)))

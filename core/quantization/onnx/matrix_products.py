"""Dynamic quantisation of matrix products by onnxruntime, with unsigned weights so that no sum saturates."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from core.onnx_model.graph import is_finite
from core.quantization.onnx.ineligible_nodes import matrix_stacks
from core.quantization.onnx.layers import name_nodes

_LSTM_WEIGHTS = ((1, 9), (2, 11))
"""Input numbers of DynamicQuantizeLSTM's weights and of their zero points, for the input and for the state."""


def quantize_matrix_products(model: onnx.ModelProto, operators: Sequence[str], scratch: Path) -> onnx.ModelProto:
    """Quantise the weights of these operators, unsigned and per channel.

    On x86 without VNNI, onnxruntime adds two products of unsigned and signed 8-bit numbers in 16 bit, which
    saturates above 32767. Products of two unsigned numbers are added in 32 bit everywhere.

    Args:
        model: may be changed.
        operators: types of the nodes to quantise.
        scratch: a temporary file.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    name_nodes(model)
    logging.getLogger().setLevel(logging.ERROR)  # it recommends preprocessing the model, which is done already
    quantize_dynamic(
        model,
        str(scratch),
        op_types_to_quantize=list(operators),
        nodes_to_exclude=_unusable(model),
        weight_type=QuantType.QUInt8,
        per_channel=True,
    )
    quantized = onnx.load(str(scratch))
    _make_lstm_unsigned(quantized)
    return quantized


def _unusable(model: onnx.ModelProto) -> list[str]:
    """Names of the nodes whose weights are not finite, and of the MatMuls that onnxruntime cannot run by channel.

    Those are the ones whose weights are no plain matrix or empty.
    """
    infinite = {tensor.name for tensor in model.graph.initializer if not is_finite(tensor)}
    odd = matrix_stacks(model) | {tensor.name for tensor in model.graph.initializer if 0 in tensor.dims}
    return [
        node.name
        for node in model.graph.node
        if not infinite.isdisjoint(node.input) or (node.op_type == "MatMul" and node.input[1] in odd)
    ]


def _make_lstm_unsigned(model: onnx.ModelProto) -> None:
    """Change LSTM's weights, which onnxruntime makes signed whatever ``weight_type`` is."""
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    names = {
        node.input[number]
        for node in model.graph.node
        if node.op_type == "DynamicQuantizeLSTM"
        for pair in _LSTM_WEIGHTS
        for number in pair
    }
    for name in names & set(tensors):
        if tensors[name].data_type == TensorProto.INT8:
            signed = numpy_helper.to_array(tensors[name]).astype(np.int16)
            tensors[name].CopyFrom(numpy_helper.from_array((signed + 128).astype(np.uint8), name))

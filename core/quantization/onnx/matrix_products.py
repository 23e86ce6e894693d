"""Matrix products that onnxruntime quantises while the model runs, with weights on which no sum overflows."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

_LSTM_WEIGHTS = ((1, 9), (2, 11))
"""Places of the weights of input and state among the inputs of DynamicQuantizeLSTM, and of their zero points."""


def quantize_matrix_products(model: onnx.ModelProto, operators: Sequence[str], scratch: Path) -> onnx.ModelProto:
    """Quantise the weights of these operators, unsigned and for each channel.

    On x86 without VNNI, onnxruntime adds two products of unsigned and signed 8-bit numbers in 16 bit, where sums
    above 32767 are cut off. Products of two unsigned numbers are added in 32 bit everywhere.

    Args:
        model: may be changed.
        operators: what to quantise, of those that onnxruntime can.
        scratch: a file that is written on the way.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    logging.getLogger().setLevel(logging.ERROR)  # it advises on every run to prepare the model, which was done
    quantize_dynamic(
        model, str(scratch), op_types_to_quantize=list(operators), weight_type=QuantType.QUInt8, per_channel=True
    )
    quantized = onnx.load(str(scratch))
    _make_lstm_unsigned(quantized)
    return quantized


def _make_lstm_unsigned(model: onnx.ModelProto) -> None:
    """LSTM's weights come out signed, whatever was asked for."""
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    names = {
        node.input[place]
        for node in model.graph.node
        if node.op_type == "DynamicQuantizeLSTM"
        for places in _LSTM_WEIGHTS
        for place in places
    }
    for name in names & set(tensors):
        if tensors[name].data_type == TensorProto.INT8:
            signed = numpy_helper.to_array(tensors[name]).astype(np.int16)
            tensors[name].CopyFrom(numpy_helper.from_array((signed + 128).astype(np.uint8), name))

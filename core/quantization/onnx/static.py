"""Static quantization to 8 bit (QDQ): calibrated ranges, GPTQ weights, bias correction, sensitive nodes in float."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import numpy_helper

from core.common.errors import ConversionError
from core.common.text import say
from core.quantization.observers.ranges import Range, RangeMethod
from core.quantization.onnx.calibration import CalibrationStatistics
from core.quantization.onnx.eligible_nodes import nodes_to_keep_in_float
from core.quantization.onnx.excluded_nodes import prevent_requantization, with_following_activations
from core.quantization.onnx.quantize_weights import requantize_weights
from core.quantization.onnx.sensitivity import select_nodes_to_exclude

QUANTIZED_OPERATORS = ("Conv", "ConvTranspose", "Gemm", "MatMul", "Relu", "Clip")
"""Where 8 bit pays. Over nine models, quantising every operator that onnxruntime can was never smaller and hardly
ever faster, and lost up to 3.5 dB. Relu and Clip are among them so that the range of a convolution's output is the
range after its activation, into which onnxruntime folds it."""


def quantize_static(
    model: onnx.ModelProto, measured: CalibrationStatistics, *, method: RangeMethod = "mean-square"
) -> tuple[onnx.ModelProto, int]:
    """Quantise; where the answers stray too far, once more without the layers that cause it.

    Args:
        model: the clean model, prepared with :func:`name_nodes` and :func:`add_biases`; it is not changed.
        measured: what the calibration pictures told.
        method: how ranges are chosen; the default was best over all models tried (docs/calibration.md).

    Returns:
        The 8-bit model, and how many layers stayed in float.
    """
    ranges = measured.chosen(method)
    floats = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    quantized = _quantize(model, ranges)
    rounded = requantize_weights(quantized, measured.moments, floats)
    spared = select_nodes_to_exclude(model, rounded, ranges, measured.samples)
    if spared:
        quantized = _quantize(model, ranges, with_following_activations(model, spared))
        requantize_weights(quantized, measured.moments, floats)
        prevent_requantization(quantized, spared)
    return quantized, len(spared)


def _quantize(model: onnx.ModelProto, ranges: Mapping[str, Range], spared: Sequence[str] = ()) -> onnx.ModelProto:
    from onnxruntime.quantization import CalibrationMethod, QDQQuantizer, QuantType
    from onnxruntime.quantization.calibrate import TensorsData

    # Unsigned activations run about twice as fast on x86 as signed ones, and no slower on ARM.
    measured = {name: (np.float32(low), np.float32(high)) for name, (low, high) in ranges.items()}
    own = onnx.ModelProto()
    own.CopyFrom(model)  # it is written into
    inputs = {value.name for value in own.graph.input}
    outputs = list(own.graph.output)
    # The writer would give an input that is handed on as an output a second definition.
    del own.graph.output[:]
    own.graph.output.extend(value for value in outputs if value.name not in inputs)
    try:
        quantizer = QDQQuantizer(
            own,
            per_channel=True,
            reduce_range=False,
            weight_qType=QuantType.QInt8,
            activation_qType=QuantType.QUInt8,
            tensors_range=TensorsData(CalibrationMethod.MinMax, measured),
            nodes_to_quantize=[],
            nodes_to_exclude=[*spared, *nodes_to_keep_in_float(model, QUANTIZED_OPERATORS, ranges)],
            op_types_to_quantize=list(QUANTIZED_OPERATORS),
            # A last layer answers in float, and so does one whose answers are used in float alone.
            extra_options={"OpTypesToExcludeOutputQuantization": ["Gemm", "MatMul"]},
        )
        quantizer.quantize_model()
    except Exception as exc:
        raise ConversionError(
            say("The model could not be quantised with your pictures."),
            next_step=say("Use the dynamic 8 bit target, which needs no pictures."),
            detail=repr(exc),
        ) from exc
    quantized: onnx.ModelProto = quantizer.model.model
    del quantized.graph.output[:]
    quantized.graph.output.extend(outputs)
    return quantized

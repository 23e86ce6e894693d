"""Static quantisation to 8 bit (QDQ): calibrated ranges, GPTQ weights, bias correction, sensitive nodes in float."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import numpy_helper

from core.common.errors import ConversionError
from core.common.text import say
from core.metrics.prediction_noise import PredictionNoise
from core.onnx_model.graph import copy_model
from core.quantization.observers.ranges import Range, RangeMethod
from core.quantization.onnx.calibration import CalibrationStatistics
from core.quantization.onnx.excluded_nodes import prevent_weight_quantization, with_following_activations
from core.quantization.onnx.ineligible_nodes import ineligible_nodes
from core.quantization.onnx.layers import QuantizableLayer
from core.quantization.onnx.quantize_weights import QuantizedWeights, round_weights
from core.quantization.onnx.sensitivity import noise_of_ranges, select_nodes_to_exclude

QUANTIZED_OPERATORS = ("Conv", "ConvTranspose", "Gemm", "MatMul", "Relu", "Clip")
"""The operators worth quantising. Over nine models, quantising all that onnxruntime can was never smaller and hardly
ever faster, and lost up to 3.5 dB. Relu and Clip are among them so that the range of a convolution's output is the
range after its activation, into which onnxruntime folds it."""


def quantize_static(
    model: onnx.ModelProto,
    statistics: CalibrationStatistics,
    *,
    method: RangeMethod = "mean-square",
    noise: PredictionNoise | None = None,
) -> tuple[onnx.ModelProto, int]:
    """Quantise; where the outputs differ too much, once more without the layers that cause it.

    Args:
        model: the clean model, prepared with :func:`name_nodes` and :func:`add_biases`; it is not changed.
        statistics: of the calibration samples.
        method: how ranges are chosen; the default was best over all models tried (docs/calibration.md).
        noise: how that of predictions is measured, where it counts instead of that of the outputs. Then full ranges
            are tried too: the high scores of a detector's few objects are what is cut off first.

    Returns:
        The 8-bit model, and how many layers stayed in float.
    """
    ranges = statistics.ranges_by(method)
    floats = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    quantized = _quantize(model, ranges)
    weights = round_weights(quantized, statistics.moments, floats)
    best = ranges if noise is None else _better_ranges(model, weights, statistics, ranges, noise)
    excluded = select_nodes_to_exclude(model, weights, best, statistics.held_out, noise)
    if excluded or best is not ranges:
        quantized = _quantize(model, best, with_following_activations(model, excluded))
        round_weights(quantized, statistics.moments, floats)
        prevent_weight_quantization(quantized, excluded)
    return quantized, len(excluded)


def _better_ranges(
    model: onnx.ModelProto,
    weights: Mapping[QuantizableLayer, QuantizedWeights],
    statistics: CalibrationStatistics,
    ranges: Mapping[str, Range],
    noise: PredictionNoise,
) -> Mapping[str, Range]:
    """The given ranges or the full ones, whichever give less noise; weights are rounded alike with both."""
    full = statistics.ranges_by("min-max")
    if not weights:
        return ranges
    samples = statistics.held_out
    ratios = [noise_of_ranges(model, weights, candidate, samples, noise) for candidate in (ranges, full)]
    return full if ratios[1] < ratios[0] else ranges


def _quantize(model: onnx.ModelProto, ranges: Mapping[str, Range], excluded: Sequence[str] = ()) -> onnx.ModelProto:
    """QDQ pairs by onnxruntime, around all layers but the excluded ones."""
    from onnxruntime.quantization import CalibrationMethod, QDQQuantizer, QuantType
    from onnxruntime.quantization.calibrate import TensorsData

    # Unsigned activations run about twice as fast on x86 as signed ones, and no slower on ARM.
    float32_ranges = {name: (np.float32(low), np.float32(high)) for name, (low, high) in ranges.items()}
    copy = copy_model(model)  # the quantiser writes into it
    inputs = {value.name for value in copy.graph.input}
    outputs = list(copy.graph.output)
    # The quantiser would define an input that is also an output twice.
    del copy.graph.output[:]
    copy.graph.output.extend(value for value in outputs if value.name not in inputs)
    try:
        quantizer = QDQQuantizer(
            copy,
            per_channel=True,
            reduce_range=False,
            weight_qType=QuantType.QInt8,
            activation_qType=QuantType.QUInt8,
            tensors_range=TensorsData(CalibrationMethod.MinMax, float32_ranges),
            nodes_to_quantize=[],
            nodes_to_exclude=[*excluded, *ineligible_nodes(model, QUANTIZED_OPERATORS, ranges)],
            op_types_to_quantize=list(QUANTIZED_OPERATORS),
            # The outputs of a last layer stay in float, and so do those that only float nodes read.
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

"""Static quantisation to 8 bit (QDQ): calibrated ranges, GPTQ weights, bias correction, sensitive nodes in float."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import onnx
from onnx import numpy_helper

from core.common.errors import ConversionError
from core.common.text import say
from core.isolation.trial import measure_similarity
from core.job.allowed_change import DEFAULT_CHANGE, AllowedChange
from core.metrics.prediction_noise import PredictionNoise
from core.metrics.reference_check import ReferenceSamples
from core.onnx_model.constants import Constants
from core.onnx_model.graph import copy_model, remove_unused_constants
from core.quantization.observers.ranges import Range, RangeMethod
from core.quantization.onnx.calibrated_model import WeightsForFloat
from core.quantization.onnx.calibration import CalibrationStatistics
from core.quantization.onnx.embeddings import store_embeddings_as_int8
from core.quantization.onnx.excluded_nodes import prevent_weight_quantization, with_following_activations
from core.quantization.onnx.failing_nodes import find_failing_nodes
from core.quantization.onnx.ineligible_nodes import (
    grouped_transposed_weights,
    ineligible_nodes,
    matrix_stacks,
)
from core.quantization.onnx.layers import QuantizableLayer
from core.quantization.onnx.quantize_weights import (
    QuantizedWeights,
    copy_rounded,
    round_weights,
)
from core.quantization.onnx.sensitivity import noise_of_ranges, select_precisions
from core.quantization.onnx.switched_model import FLOAT, W8A32
from core.quantization.onnx.weight_only import add_dequantized, add_in_16_bit
from core.runtimes.mapped import MappedPredictor
from core.runtimes.predictor import Feeds, Tensor

_LAYERS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})

_CHECK_SAMPLES = 3
"""Samples on which the finished model is tried."""

QUANTIZED_OPERATORS = ("Conv", "ConvTranspose", "Gemm", "MatMul", "Relu", "Clip")
"""The operators worth quantising. Over nine models, quantising all that onnxruntime can was never smaller and hardly
ever faster, and lost up to 3.5 dB. Relu and Clip are among them so that the range of a convolution's output is the
range after its activation, into which onnxruntime folds it."""


@dataclass(frozen=True)
class StaticModel:
    """An 8-bit model, and how many layers are not computed in 8 bit."""

    model: onnx.ModelProto
    weight_only: int = 0
    """Layers with 8-bit weights that are computed in float."""

    in_float: int = 0
    """Layers that are computed in float with weights of 16 bit, or in float as they were."""

    sensitivity: Mapping[str, float] = field(default_factory=dict)
    """Output of a layer -> noise ratio with it alone in 8 bit, where that was measured."""

    smaller: StaticModel | None = None
    """With all layers in 8 bit, where that was not chosen."""

    closer: StaticModel | None = None
    """Closer to the original than was asked for, and larger, where there is such a model."""


def quantize_static(
    model: onnx.ModelProto,
    statistics: CalibrationStatistics,
    *,
    method: RangeMethod = "mean-square",
    noise: PredictionNoise | None = None,
    change: AllowedChange = DEFAULT_CHANGE,
    others: bool = False,
    weight_only: Mapping[str, QuantizedWeights] | None = None,
) -> StaticModel:
    """Quantise; where the outputs differ too much, once more without the layers that cause it.

    One layer that cannot be quantised, or with which the file does not run or loses its answers, stays in float.

    Args:
        model: the clean model, prepared with :func:`name_nodes` and :func:`add_biases`; it is not changed.
        statistics: of the calibration samples.
        method: how ranges are chosen; the default was best over all models tried (docs/calibration.md).
        noise: how that of predictions is measured, where it counts instead of that of the outputs. Then full ranges
            are tried too: the high scores of a detector's few objects are what is cut off first.
        change: how much the answers may change.
        others: whether to make a smaller model and one that is closer to the original, too.
        weight_only: name of a layer's weights -> their values of 8 bit where the layer is computed in float; they are
            rounded here if None.

    Raises:
        ConversionError: no layer can be quantised.
    """
    ranges = statistics.ranges_by(method)
    check = _Check.of(model, statistics.held_out)

    in_float = WeightsForFloat(model, statistics) if weight_only is None else weight_only

    def quantize(failing: Sequence[str]) -> StaticModel:
        return _quantize_within(model, statistics, ranges, noise, change, failing, in_float, others=others)

    try:
        made = quantize(())
        if check.passes(made.model):
            return made
        error = None
    # What comes from a single layer, in onnxruntime's quantiser or in the rounding, is of any type.
    except Exception as exc:  # noqa: BLE001
        made, error = None, exc
    nodes = [node.name for node in model.graph.node if node.op_type in QUANTIZED_OPERATORS]
    failing = find_failing_nodes(nodes, lambda part: _works(model, statistics, ranges, check, set(nodes) - set(part)))
    if len(failing) < len(nodes) and (failing or made is None):
        try:
            better = quantize(failing)
        except Exception as exc:  # noqa: BLE001 - likewise; the first model, if there is one, is judged as any other
            error = error or exc
        else:
            if made is None or check.passes(better.model):
                return replace(better, in_float=better.in_float + _layer_count(model, failing))
    if made is None:
        raise _not_quantized(error)
    return made


def _quantize_within(
    model: onnx.ModelProto,
    statistics: CalibrationStatistics,
    ranges: Mapping[str, Range],
    noise: PredictionNoise | None,
    change: AllowedChange,
    failing: Sequence[str],
    in_float: Mapping[str, QuantizedWeights],
    *,
    others: bool,
) -> StaticModel:
    """Quantise all but the failing nodes; those that are too sensitive are computed in float."""
    floats = Constants(model)
    writer = _Writer(model, ranges, floats, failing)
    weights = writer.round(statistics)
    try:
        best = ranges if noise is None else _better_ranges(model, weights, statistics, ranges, noise)
        if best is not ranges:
            writer = _Writer(model, best, floats, failing)
            writer.round(statistics)
        weight_only = {layer: in_float[layer.weights] for layer in weights}
        found = select_precisions(
            model, weights, best, statistics.held_out, noise, weight_only=weight_only, change=change, others=others
        )
    except ConversionError:
        # The model with switches does not run; the finished file is checked in any case.
        return writer.write({}, {})
    smaller = None if found.smaller is None else writer.write(found.smaller, weight_only)
    closer = None if found.closer is None else writer.write(found.closer, weight_only)
    alone = {node.output[0]: found.noise[node.name] for node in model.graph.node if node.name in found.noise}
    return replace(writer.write(found.chosen, weight_only), sensitivity=alone, smaller=smaller, closer=closer)


class _Writer:
    """Writes a model with some layers in float, from the one in which all of them are in 8 bit.

    Args:
        model: in float.
        ranges: of its tensors.
        floats: its initializers.
        failing: nodes that stay as they are.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        ranges: Mapping[str, Range],
        floats: Mapping[str, Tensor],
        failing: Sequence[str],
    ) -> None:
        self._model = model
        self._ranges = ranges
        self._floats = floats
        self._failing = failing
        self._all_in_8_bit = _quantize(model, ranges, failing)

    def round(self, statistics: CalibrationStatistics) -> dict[QuantizableLayer, QuantizedWeights]:
        """Round the weights of every layer that is in 8 bit, once for all models that are written."""
        return round_weights(self._all_in_8_bit, statistics.moments, self._floats)

    def write(
        self, precisions: Mapping[str, int], weight_only: Mapping[QuantizableLayer, QuantizedWeights]
    ) -> StaticModel:
        """One model.

        Args:
            precisions: name of the node -> ``FLOAT`` or ``W8A32``.
            weight_only: layer -> the values of 8 bit with which it is computed in float.
        """
        if precisions:
            excluded = [*self._failing, *with_following_activations(self._model, precisions)]
            quantized = _quantize(self._model, self._ranges, excluded)
            copy_rounded(self._all_in_8_bit, quantized)
        else:
            quantized = copy_model(self._all_in_8_bit)
        if precisions or self._failing:
            prevent_weight_quantization(quantized, [*precisions, *self._failing])
        stored = {layer.node: values for layer, values in weight_only.items() if precisions.get(layer.node) == W8A32}
        _store_weights(quantized, stored)
        in_float = [node for node, precision in precisions.items() if precision == FLOAT]
        _store_in_16_bit(quantized, in_float, self._floats)
        store_embeddings_as_int8(quantized)
        del quantized.graph.value_info[:]  # up to 6% of the file, and nothing reads it
        return StaticModel(quantized, len(stored), len(in_float))


def _store_weights(quantized: onnx.ModelProto, weights: Mapping[str, QuantizedWeights]) -> None:
    """Give layers that are in float the weights and biases that were rounded for 8 bit.

    Args:
        quantized: is changed.
        weights: by the name of the node.
    """
    graph = quantized.graph
    for node in [node for node in graph.node if node.name in weights]:
        values = weights[node.name]
        node.input[1] = f"{node.name}__weights"
        if len(node.input) > 2 and values.bias is not None:
            node.input[2] = f"{node.name}__bias"
            graph.initializer.append(numpy_helper.from_array(values.bias, node.input[2]))
    for name, values in weights.items():
        add_dequantized(graph, f"{name}__weights", values.integers, np.asarray(values.scales, np.float32))
    remove_unused_constants(graph)


def _store_in_16_bit(quantized: onnx.ModelProto, nodes: Collection[str], floats: Mapping[str, Tensor]) -> None:
    """Store the weights of layers that are in float in half of the bytes: what is rounded there is below all noise."""
    graph = quantized.graph
    for node in [node for node in graph.node if node.name in nodes]:
        name = f"{node.name}__weights"
        if node.input[1] in floats and add_in_16_bit(graph, name, floats[node.input[1]]):
            node.input[1] = name
    remove_unused_constants(graph)


def _works(
    model: onnx.ModelProto,
    statistics: CalibrationStatistics,
    ranges: Mapping[str, Range],
    check: _Check,
    excluded: Collection[str],
) -> bool:
    """Whether the model without the excluded nodes can be quantised, runs, and does not lose its answers."""
    try:
        quantized = _quantize(model, ranges, sorted(excluded))
        round_weights(quantized, statistics.moments, Constants(model))
    except Exception:  # noqa: BLE001 - as in quantize_static
        return False
    return check.passes(quantized)


def _layer_count(model: onnx.ModelProto, nodes: Collection[str]) -> int:
    return sum(node.name in nodes and node.op_type in _LAYERS for node in model.graph.node)


@dataclass(frozen=True)
class _Check:
    """Whether a quantised model runs, and gives more signal than noise, on a few samples."""

    references: ReferenceSamples

    @classmethod
    def of(cls, model: onnx.ModelProto, samples: Sequence[Feeds]) -> _Check:
        """With the answers of the float model."""
        if not samples:
            return cls(())
        predictor = MappedPredictor(copy_model(model))
        try:
            return cls([(sample, predictor.run(sample)) for sample in samples[:_CHECK_SAMPLES]])
        finally:
            predictor.close()

    def passes(self, quantized: onnx.ModelProto) -> bool:
        """Whether it may be handed on; true where there are no samples to tell."""
        if not self.references:
            return True
        differences = measure_similarity(quantized, self.references)
        return differences is not None and not any(one.is_lost and not one.shows_nothing for one in differences)


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
            extra_options={
                "OpTypesToExcludeOutputQuantization": ["Gemm", "MatMul"],
                # One scale for each of these tensors. Unsigned weights need no bits to spare (matrix_products.py).
                "TensorQuantOverrides": {
                    **{name: [{"quant_type": QuantType.QInt8}] for name in sorted(grouped_transposed_weights(model))},
                    **{name: [{"quant_type": QuantType.QUInt8}] for name in sorted(matrix_stacks(model))},
                },
            },
        )
        quantizer.quantize_model()
    except Exception as exc:
        raise _not_quantized(exc) from exc
    quantized: onnx.ModelProto = quantizer.model.model
    del quantized.graph.output[:]
    quantized.graph.output.extend(outputs)
    return quantized


def _not_quantized(error: Exception | None) -> ConversionError:
    """The error of a model of which no layer could be quantised, or that failed as a whole."""
    if isinstance(error, ConversionError):
        return error
    return ConversionError(
        say("onnxruntime's quantiser cannot handle the layers of this model."),
        next_step=say("Use the dynamic 8 bit target or the 16 bit target."),
        detail=repr(error),
    )

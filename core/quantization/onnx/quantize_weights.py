"""GPTQ and bias correction for a model that onnxruntime has already quantised; its graph stays as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import numpy_helper

from core.quantization.observers.input_moments import InputMoments
from core.quantization.observers.ranges import INT8_MAX
from core.quantization.onnx.gptq import divide_by_scales, gptq_round
from core.quantization.onnx.layers import QuantizableLayer
from core.quantization.onnx.saturation import choose_wider_scales, weight_bounds
from core.runtimes.predictor import Tensor

_TWICE = np.array(2.0, np.float32)
_COMPUTED_IN_8_BIT = frozenset({"Conv", "Gemm", "MatMul"})


@dataclass(frozen=True)
class QuantizedWeights:
    """The weights and the bias that a layer computes with in 8 bit."""

    integers: Tensor
    """Of the weights, int8, in the shape of the file."""

    scales: Tensor
    """One for each output channel, or one for all, in a shape that broadcasts to the integers."""

    bias: Tensor | None
    """Dequantised."""

    @property
    def weights(self) -> Tensor:
        """Dequantised."""
        return (self.integers * self.scales).astype(np.float32)


def round_weights(
    quantized: onnx.ModelProto, moments: Mapping[QuantizableLayer, InputMoments], floats: Mapping[str, Tensor]
) -> dict[QuantizableLayer, QuantizedWeights]:
    """Round the weights of each layer by GPTQ, and correct its bias by the mean error that is left.

    Pairs of weights stay so small that no processor's 16-bit sums saturate: see
    :mod:`core.quantization.onnx.saturation`.

    Args:
        quantized: with QDQ pairs; its 8-bit weights, 32-bit biases, and their scales are changed in place.
        moments: layer of the float model -> moments of its inputs.
        floats: initializers of the float model.

    Returns:
        Layer -> its new values.
    """
    layers = {layer.node: layer for layer in moments}
    requantized: dict[QuantizableLayer, QuantizedWeights] = {}
    in_7_bits: set[str] = set()
    for node, weights, bias in _quantized_layers(quantized):
        if node.name in layers:
            layer = layers[node.name]
            requantized[layer] = _requantize_layer(layer, moments[layer], floats[layer.weights], weights, bias)
        else:
            _reduce_to_7_bits(weights, bias, is_done=weights.tensor.name in in_7_bits)
            in_7_bits.add(weights.tensor.name)
    return requantized


def copy_rounded(rounded: onnx.ModelProto, quantized: onnx.ModelProto) -> None:
    """Give a model the weights and biases of another one, for the layers that both compute in 8 bit.

    Args:
        rounded: as :func:`round_weights` left it.
        quantized: the same model with the same ranges, but with more layers in float; it is changed.
    """
    names = {
        tensor.name
        for _, weights, bias in _quantized_layers(quantized)
        for pair in (weights, bias)
        if pair is not None
        for tensor in (pair.tensor, pair.scale)
    }
    values = {tensor.name: tensor for tensor in rounded.graph.initializer if tensor.name in names}
    for tensor in quantized.graph.initializer:
        if tensor.name in values:
            tensor.CopyFrom(values[tensor.name])


def round_for_float(
    layer: QuantizableLayer, moments: InputMoments, exact: Tensor, bias: Tensor | None
) -> QuantizedWeights:
    """Round the weights of a layer by GPTQ for float arithmetic, in which no sum saturates: they use all 8 bits.

    Args:
        layer: in float.
        moments: of its inputs.
        exact: its weights.
        bias: its bias, which is corrected by the mean error that is left.
    """
    blocks = layer.to_blocks(exact)
    most = np.abs(exact.T if layer.transposed else exact).reshape(layer.outputs, -1).max(axis=1)
    scales = np.where(most > 0, most / INT8_MAX, 1.0).astype(np.float32)
    in_blocks = layer.per_block(scales)
    rounded = gptq_round(blocks, in_blocks, moments.products if bias is None else moments.covariance)
    if bias is not None:
        errors = blocks - rounded * in_blocks[:, :, np.newaxis]
        mean_error = np.einsum("boc,bc->bo", errors, moments.means)
        added = mean_error.reshape(-1) if layer.groups > 1 else mean_error.sum(axis=0)
        bias = (bias + np.nan_to_num(added, posinf=0.0, neginf=0.0)).astype(np.float32)
    return QuantizedWeights(layer.from_blocks(rounded).astype(np.int8), layer.per_output(scales), bias)


@dataclass(frozen=True)
class _QuantizedTensor:
    """Initializers of the quantised model, to be written into."""

    tensor: onnx.TensorProto
    """The integers."""

    scale: onnx.TensorProto

    @property
    def scales(self) -> Tensor:
        """One for each output channel, or one for all."""
        return numpy_helper.to_array(self.scale)

    def multiply_scales(self, factors: Tensor) -> None:
        """Change the scales; the integers stay."""
        _store(self.scale, (self.scales * (factors if self.scales.size > 1 else factors.max())).astype(np.float32))

    def rescale(self, factors: Tensor) -> None:
        """Multiply the scales and divide the integers, so that the values stay."""
        before = self.scales
        self.multiply_scales(factors)
        usable = (self.scales > 0) & np.isfinite(self.scales)  # an overflowed scale gives no ratio
        ratio = np.divide(before, self.scales, where=usable, out=np.ones_like(before))
        _store(self.tensor, np.rint(numpy_helper.to_array(self.tensor) * ratio.astype(np.float64)).astype(np.int32))


def _quantized_layers(
    model: onnx.ModelProto,
) -> Iterator[tuple[onnx.NodeProto, _QuantizedTensor, _QuantizedTensor | None]]:
    """Nodes that compute in 8 bit, with their weights and biases."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    makers = {output: node for node in model.graph.node for output in node.output}

    def quantized_tensor(name: str) -> _QuantizedTensor | None:
        maker = makers.get(name)
        if maker is None or maker.op_type != "DequantizeLinear" or maker.input[0] not in constants:
            return None
        return _QuantizedTensor(constants[maker.input[0]], constants[maker.input[1]])

    for node in model.graph.node:
        weights = quantized_tensor(node.input[1]) if node.op_type in _COMPUTED_IN_8_BIT else None
        if weights is not None and weights.tensor.data_type == onnx.TensorProto.INT8:
            yield node, weights, quantized_tensor(node.input[2]) if len(node.input) > 2 else None


def _reduce_to_7_bits(weights: _QuantizedTensor, bias: _QuantizedTensor | None, *, is_done: bool) -> None:
    """For a layer without statistics: with 7-bit weights no sum saturates. Several layers may share the weights."""
    if not is_done:
        _store(weights.tensor, np.rint(numpy_helper.to_array(weights.tensor) / 2).astype(np.int8))
        weights.multiply_scales(_TWICE)
    if bias is not None:
        bias.rescale(_TWICE)


def _requantize_layer(
    layer: QuantizableLayer,
    moments: InputMoments,
    exact: Tensor,
    weights: _QuantizedTensor,
    bias: _QuantizedTensor | None,
) -> QuantizedWeights:
    _widen_scales(layer, moments, exact, weights, bias)
    blocks = layer.to_blocks(exact)
    scales = layer.per_block(np.broadcast_to(weights.scales, (layer.outputs,)))
    bounds = weight_bounds(layer, layer.from_blocks(divide_by_scales(blocks, scales)))
    rounded = gptq_round(
        blocks,
        scales,
        moments.products if bias is None else moments.covariance,
        bounds=(layer.to_blocks(bounds.lower), layer.to_blocks(bounds.upper)),
    )
    _store(weights.tensor, layer.from_blocks(rounded))
    if bias is not None:
        errors = blocks - rounded * scales[:, :, np.newaxis]
        mean_error = np.einsum("boc,bc->bo", errors, moments.means)
        _correct_bias(bias, mean_error.reshape(-1) if layer.groups > 1 else mean_error.sum(axis=0))
    corrected = None if bias is None else (numpy_helper.to_array(bias.tensor) * bias.scales).astype(np.float32)
    return QuantizedWeights(
        layer.from_blocks(rounded).astype(np.int8), layer.per_output(weights.scales), bias=corrected
    )


def _widen_scales(
    layer: QuantizableLayer,
    moments: InputMoments,
    exact: Tensor,
    weights: _QuantizedTensor,
    bias: _QuantizedTensor | None,
) -> None:
    squares = np.nan_to_num(np.einsum("bcc->bc", moments.products), posinf=1.0)[:, np.newaxis, :]
    importance = layer.from_blocks(np.broadcast_to(squares, layer.to_blocks(exact).shape))
    factors = choose_wider_scales(layer, exact, np.broadcast_to(weights.scales, (layer.outputs,)), importance)
    weights.multiply_scales(factors)
    if bias is not None:
        bias.rescale(factors)


def _correct_bias(bias: _QuantizedTensor, mean_error: Tensor) -> None:
    """Add the mean error of the outputs, shape (outputs,), to the bias."""
    limits = np.iinfo(np.int32)
    # Channels that training left dead have weights, and so scales, of next to nothing: 0/0, or far too large integers.
    with np.errstate(all="ignore"):
        steps = np.nan_to_num(np.rint(mean_error / bias.scales.astype(np.float64)), nan=0.0, posinf=0.0, neginf=0.0)
    corrected = numpy_helper.to_array(bias.tensor) + np.where(np.abs(steps) < limits.max, steps, 0.0)
    _store(bias.tensor, np.clip(corrected, limits.min, limits.max).astype(np.int32))


def _store(tensor: onnx.TensorProto, values: Tensor) -> None:
    tensor.CopyFrom(numpy_helper.from_array(np.array(values, order="C"), tensor.name))

"""Better weights and biases for a model that onnxruntime has already quantised; its graph stays as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import numpy_helper

from core.quantization.observers.moments import Moments
from core.quantization.onnx.gptq import gptq_round
from core.quantization.onnx.layers import QuantizableLayer
from core.quantization.onnx.saturation import choose_wider_scales, weight_bounds
from core.runtimes.predictor import Tensor

_TWICE = np.array(2.0, np.float32)
_COMPUTED_IN_8_BIT = frozenset({"Conv", "Gemm", "MatMul"})


@dataclass(frozen=True)
class QuantizedWeights:
    """The numbers that a layer computes with in 8 bit, as floats."""

    weights: Tensor
    bias: Tensor | None


def requantize_weights(
    quantized: onnx.ModelProto, moments: Mapping[QuantizableLayer, Moments], floats: Mapping[str, Tensor]
) -> dict[QuantizableLayer, QuantizedWeights]:
    """Round the weights of each layer anew, and move its bias by the mean error that is left.

    Neighbouring weights stay so small that no processor's 16-bit sums overflow: see
    :mod:`core.quantization.onnx.saturation`.

    Args:
        quantized: with QDQ pairs; its 8-bit weights and 32-bit biases, and their steps, are changed in place.
        moments: of the float model's layers.
        floats: initializers of the float model.

    Returns:
        Layer -> its values now.
    """
    layers = {layer.node: layer for layer in moments}
    refined: dict[QuantizableLayer, QuantizedWeights] = {}
    halved: set[str] = set()
    for node, weights, bias in _quantized_layers(quantized):
        if node.name in layers:
            layer = layers[node.name]
            refined[layer] = _refine(layer, moments[layer], floats[layer.weights], weights, bias)
        else:
            _halve(weights, bias, again=weights.tensor.name in halved)
            halved.add(weights.tensor.name)
    return refined


@dataclass(frozen=True)
class _Stored:
    """Constants of the quantised model, to be written into."""

    tensor: onnx.TensorProto
    scale: onnx.TensorProto

    @property
    def steps(self) -> Tensor:
        """The value of one step: one for each output, or one for all."""
        return numpy_helper.to_array(self.scale)

    def widen(self, factors: Tensor) -> None:
        """Make the steps wider; the integers stay."""
        _store(self.scale, (self.steps * (factors if self.steps.size > 1 else factors.max())).astype(np.float32))

    def widen_exactly(self, factors: Tensor) -> None:
        """Make the steps wider and the integers smaller, so that the values stay."""
        before = self.steps
        self.widen(factors)
        usable = (self.steps > 0) & np.isfinite(self.steps)  # an overflowed step tells nothing of the integers
        ratio = np.divide(before, self.steps, where=usable, out=np.ones_like(before))
        _store(self.tensor, np.rint(numpy_helper.to_array(self.tensor) * ratio.astype(np.float64)).astype(np.int32))


def _quantized_layers(model: onnx.ModelProto) -> Iterator[tuple[onnx.NodeProto, _Stored, _Stored | None]]:
    """Nodes that compute in 8 bit, with their weights and biases."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    makers = {output: node for node in model.graph.node for output in node.output}

    def stored(name: str) -> _Stored | None:
        maker = makers.get(name)
        if maker is None or maker.op_type != "DequantizeLinear" or maker.input[0] not in constants:
            return None
        return _Stored(constants[maker.input[0]], constants[maker.input[1]])

    for node in model.graph.node:
        weights = stored(node.input[1]) if node.op_type in _COMPUTED_IN_8_BIT else None
        if weights is not None and weights.tensor.data_type == onnx.TensorProto.INT8:
            yield node, weights, stored(node.input[2]) if len(node.input) > 2 else None


def _halve(weights: _Stored, bias: _Stored | None, *, again: bool) -> None:
    """Of a layer whose inputs were not looked at: with 7 bits no sums overflow. Weights may have several users."""
    if not again:
        _store(weights.tensor, np.rint(numpy_helper.to_array(weights.tensor) / 2).astype(np.int8))
        weights.widen(_TWICE)
    if bias is not None:
        bias.widen_exactly(_TWICE)


def _refine(
    layer: QuantizableLayer, moments: Moments, exact: Tensor, weights: _Stored, bias: _Stored | None
) -> QuantizedWeights:
    _widen(layer, moments, exact, weights, bias)
    blocks = layer.to_blocks(exact)
    steps = layer.for_outputs(np.broadcast_to(weights.steps, (layer.outputs,)))
    limits = weight_bounds(layer, layer.from_blocks(_ratios(blocks, steps)))
    rounded = gptq_round(
        blocks,
        steps,
        moments.products if bias is None else moments.covariance,
        bounds=(layer.to_blocks(limits.lower), layer.to_blocks(limits.upper)),
    )
    _store(weights.tensor, layer.from_blocks(rounded))
    if bias is not None:
        errors = blocks - rounded * steps[:, :, np.newaxis]
        missing = np.einsum("boc,bc->bo", errors, moments.means)
        _add_to_bias(bias, missing.reshape(-1) if layer.groups > 1 else missing.sum(axis=0))
    values = layer.from_blocks(rounded * steps[:, :, np.newaxis])
    return QuantizedWeights(values, None if bias is None else numpy_helper.to_array(bias.tensor) * bias.steps)


def _widen(layer: QuantizableLayer, moments: Moments, exact: Tensor, weights: _Stored, bias: _Stored | None) -> None:
    squares = np.nan_to_num(np.einsum("bcc->bc", moments.products), posinf=1.0)[:, np.newaxis, :]
    importance = layer.from_blocks(np.broadcast_to(squares, layer.to_blocks(exact).shape))
    factors = choose_wider_scales(layer, exact, np.broadcast_to(weights.steps, (layer.outputs,)), importance)
    weights.widen(factors)
    if bias is not None:
        bias.widen_exactly(factors)


def _ratios(blocks: Tensor, steps: Tensor) -> Tensor:
    """Weights in steps; 0 where the step is so small that a division gives nonsense."""
    alive = steps > np.finfo(np.float32).tiny
    return np.divide(blocks, steps[:, :, np.newaxis], where=alive[:, :, np.newaxis], out=np.zeros_like(blocks))


def _add_to_bias(bias: _Stored, missing: Tensor) -> None:
    limits = np.iinfo(np.int32)
    # Channels that training left dead have weights, and so steps, of next to nothing: 0/0, or far too many steps.
    with np.errstate(all="ignore"):
        steps = np.nan_to_num(np.rint(missing / bias.steps.astype(np.float64)), nan=0.0, posinf=0.0, neginf=0.0)
    moved = numpy_helper.to_array(bias.tensor) + np.where(np.abs(steps) < limits.max, steps, 0.0)
    _store(bias.tensor, np.clip(moved, limits.min, limits.max).astype(np.int32))


def _store(tensor: onnx.TensorProto, values: Tensor) -> None:
    tensor.CopyFrom(numpy_helper.from_array(np.array(values, order="C"), tensor.name))

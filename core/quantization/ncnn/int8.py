"""Write 8-bit ncnn models in numpy, as ncnn's C++ tool ``ncnn2int8`` does but without its errors.

Convolution, ConvolutionDepthWise and InnerProduct get 8-bit weights with a scale for each output
channel (or group), and a scale for their input; Gemm gets one scale for its weights, and ncnn quantises
its input dynamically. ncnn then computes them in integers. Every other weight is stored in 16 bit.
Rules: ncnn, ``tools/quantize/ncnn2int8.cpp`` and ``ncnn2table.cpp``.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from core.fp16.ncnn_writer import array_to_fp16
from core.ncnn.model import NcnnModel
from core.ncnn.param import Layer
from core.ncnn.weights import Array, raw, stored

QUANTIZABLE = frozenset({"Convolution", "ConvolutionDepthWise", "InnerProduct"})
"""Layers that ncnn computes in 8 bit with a measured input scale."""

_INT8_SCALE_TERMS = {
    "Convolution": (8, "2"),
    "ConvolutionDepthWise": (8, "1"),
    "InnerProduct": (8, "2"),
    "Gemm": (18, "2"),
}
"""Id and value of the parameter ``int8_scale_term``."""

_DEAD_BELOW = 1e-30
"""Abs-max below which a channel is dead: its scale would be infinite. With scale 0, ncnn outputs the bias alone."""


def quantizable_layers(model: NcnnModel) -> tuple[int, ...]:
    """Indices of the layers that can be computed in 8 bit, once the range of their input is known."""
    return tuple(
        index
        for index, (layer, arrays) in enumerate(zip(model.param.layers, model.weights, strict=True))
        if layer.type in QUANTIZABLE and not layer.integer(8) and _has_weights(layer, arrays)
    )


def quantizable_without_range(model: NcnnModel) -> tuple[int, ...]:
    """Indices of the layers that can be computed in 8 bit without calibration: Gemm with constant weights."""
    return tuple(
        index
        for index, (layer, arrays) in enumerate(zip(model.param.layers, model.weights, strict=True))
        if layer.type == "Gemm" and not layer.integer(18) and _has_weights(layer, arrays)
    )


def _has_weights(layer: Layer, arrays: tuple[Array, ...]) -> bool:
    """Whether its weights are constant, finite, and divide into rows of one scale each."""
    if not arrays or (layer.type == "Gemm" and (layer.integer(4), layer.integer(5), layer.integer(3)) != (0, 1, 1)):
        return False  # only a Gemm as pnnx writes it: B alone is constant, and transposed
    values, rows = arrays[0].values, scale_rows(layer)
    if rows < 1 or not values.size or values.size % rows:
        return False
    abs_max = float(np.abs(values).max())
    # ncnn divides by a Gemm's scale, so that 0 cannot mark dead weights there.
    return math.isfinite(abs_max) and (layer.type != "Gemm" or abs_max >= _DEAD_BELOW)


def to_int8(model: NcnnModel, ranges: Mapping[int, float], *, keep_float: Collection[int] = ()) -> NcnnModel:
    """Quantise.

    Args:
        model: in 32 bit.
        ranges: index of a layer -> abs-max of its input; a layer without a range, or with a range that is
            zero or not finite, stays in float.
        keep_float: indices of further layers that stay in float, Gemm among them.
    """
    measured = {index for index in quantizable_layers(model) if _DEAD_BELOW < ranges.get(index, 0.0) < math.inf}
    chosen = measured.union(quantizable_without_range(model)) - set(keep_float)

    def edit(index: int, layer: Layer, arrays: tuple[Array, ...]) -> tuple[Layer, tuple[Array, ...]]:
        if index not in chosen:
            return layer, tuple(array_to_fp16(array) for array in arrays)
        return _quantize_layer(layer, arrays, ranges.get(index, 0.0))

    return model.edited(edit)


def quantize_layer(model: NcnnModel, index: int, abs_max: float) -> NcnnModel:
    """The model with one layer in 8 bit and everything else unchanged, for the sensitivity analysis.

    Args:
        model: in 32 bit.
        index: a layer that can be quantised.
        abs_max: of its input.
    """

    def edit(position: int, layer: Layer, arrays: tuple[Array, ...]) -> tuple[Layer, tuple[Array, ...]]:
        return _quantize_layer(layer, arrays, abs_max) if position == index else (layer, arrays)

    return model.edited(edit)


def _quantize_layer(layer: Layer, arrays: tuple[Array, ...], abs_max: float) -> tuple[Layer, tuple[Array, ...]]:
    weight, *others = arrays
    rows = weight.values.astype(np.float32).reshape(scale_rows(layer), -1)
    integers, scales = quantize_rows(rows, levels=weight_levels(layer))
    quantized = [stored(weight.slot, integers), *map(array_to_fp16, others)]
    if layer.type == "Gemm":
        quantized.append(raw("b_scale", scales))
    else:
        input_scale = np.array([127.0 / abs_max], np.float32)
        quantized += [raw("weight_scale", scales), raw("input_scale", input_scale)]
    return layer.with_param(*_INT8_SCALE_TERMS[layer.type]), tuple(quantized)


def scale_rows(layer: Layer) -> int:
    """Number of scales of the weights: one for each output channel or group, one in all for a Gemm."""
    if layer.type == "Gemm":
        return 1
    return layer.integer(7, 1) if layer.type == "ConvolutionDepthWise" else layer.integer(0)


def weight_levels(layer: Layer) -> int:
    """Largest integer that a weight may become.

    ncnn computes 3x3 convolutions of stride 1 by Winograd's F(4,3) in 16-bit sums, which 8-bit
    weights could overflow: they get 6 bits.
    """
    is_winograd = (
        layer.type == "Convolution"
        and layer.integer(1) == 3
        and layer.integer(11, layer.integer(1)) == 3
        and all(layer.integer(key, 1) == 1 for key in (2, 3))
        and layer.integer(12, layer.integer(2, 1)) == 1
        and layer.integer(13, layer.integer(3, 1)) == 1
    )
    return 31 if is_winograd else 127


def quantize_rows(rows: NDArray[np.float32], *, levels: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Symmetric 8-bit integers, rounded half away from zero as ncnn does.

    Args:
        rows: weights, one row for each scale.
        levels: the largest integer.

    Returns:
        The integers, of the shape of ``rows``, and the scales in ncnn's sense (integers = weights * scale).
    """
    abs_max = np.abs(rows).max(axis=1)
    dead = abs_max < _DEAD_BELOW
    scales = np.where(dead, 0.0, levels / np.where(dead, 1.0, abs_max)).astype(np.float32)
    rounded = round_half_away(rows * scales[:, np.newaxis])
    return np.clip(rounded, -127, 127).astype(np.int8), scales


def round_half_away(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Round half away from zero by adding 0.5 in 32 bit, which carries over for 0.49999997."""
    return np.trunc(values + np.copysign(np.float32(0.5), values))

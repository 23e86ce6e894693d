"""Write 8-bit ncnn models: what ncnn's C++ tool ``ncnn2int8`` does, in numpy.

Convolution, ConvolutionDepthWise and InnerProduct get 8-bit weights with a scale for each output
channel (or group), and a scale for their input; ncnn then computes them in integers. Every other
weight is stored in 16 bit. Rules: ncnn, ``tools/quantize/ncnn2int8.cpp`` and ``ncnn2table.cpp``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from core.ncnn.half import half
from core.ncnn.model import NcnnModel
from core.ncnn.param import Layer
from core.ncnn.weights import Array, raw, stored

QUANTISABLE = frozenset({"Convolution", "ConvolutionDepthWise", "InnerProduct"})
"""Layers that ncnn computes in 8 bit with a measured input scale."""

_MODES = {"Convolution": "2", "ConvolutionDepthWise": "1", "InnerProduct": "2"}
"""Value of the parameter ``int8_scale_term`` (id 8)."""

_SMALLEST = 1e-30
"""A channel below this is dead: its scale would be infinite. Scale 0 makes ncnn give out the bias alone."""


def quantisable(model: NcnnModel) -> tuple[int, ...]:
    """Indices of the layers that can be computed in 8 bit."""
    return tuple(
        index
        for index, (layer, arrays) in enumerate(zip(model.param.layers, model.weights, strict=True))
        if layer.type in QUANTISABLE and arrays and not layer.integer(8)
    )


def to_int8(model: NcnnModel, ranges: Mapping[int, float], *, keep_float: Collection[int] = ()) -> NcnnModel:
    """Quantise.

    Args:
        model: in 32 bit.
        ranges: index of a layer -> largest magnitude of its input, as measured; a layer without a
            range, or with the range 0, stays in float.
        keep_float: indices of further layers that shall stay in float.
    """
    chosen = {index for index in quantisable(model) if ranges.get(index, 0.0) > 0.0} - set(keep_float)

    def edit(index: int, layer: Layer, arrays: tuple[Array, ...]) -> tuple[Layer, tuple[Array, ...]]:
        if index not in chosen:
            return layer, tuple(half(array) for array in arrays)
        return _quantise_layer(layer, arrays, ranges[index])

    return model.edited(edit)


def _quantise_layer(layer: Layer, arrays: tuple[Array, ...], largest: float) -> tuple[Layer, tuple[Array, ...]]:
    weight, *bias = arrays
    rows = weight.values.reshape(_rows(layer), -1)
    numbers, scales = quantise_rows(rows, levels=weight_levels(layer))
    input_scale = np.array([127.0 / largest], np.float32)
    quantised = (stored(weight.slot, numbers), *bias, raw("weight_scale", scales), raw("input_scale", input_scale))
    return layer.with_param(8, _MODES[layer.type]), quantised


def _rows(layer: Layer) -> int:
    """How many scales the weights have: one for each output channel, or for each group."""
    return layer.integer(7, 1) if layer.type == "ConvolutionDepthWise" else layer.integer(0)


def weight_levels(layer: Layer) -> int:
    """Largest whole number that a weight may become.

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


def quantise_rows(rows: NDArray[np.float32], *, levels: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Round each row to whole numbers, half away from zero as ncnn does.

    Args:
        rows: weights, one row for each scale.
        levels: the largest whole number.

    Returns:
        The numbers, of the shape of ``rows``, and the scales (numbers = weights * scale).
    """
    largest = np.abs(rows).max(axis=1)
    dead = largest < _SMALLEST
    scales = np.where(dead, 0.0, levels / np.where(dead, 1.0, largest)).astype(np.float32)
    scaled = rows * scales[:, np.newaxis]
    rounded = np.trunc(scaled + np.copysign(np.float32(0.5), scaled))
    return np.clip(rounded, -127, 127).astype(np.int8), scales

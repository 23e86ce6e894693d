"""8-bit weights whose sums never saturate on x86 without VNNI, which adds two products in 16 bit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.quantization.observers.ranges import INT8_MAX
from core.quantization.onnx.layers import QuantizableLayer
from core.runtimes.predictor import Tensor

_PAIR_MAX = 128
"""Most that two neighbouring weights of the same sign may add up to: 255 * 128 is the last multiple within int16."""

_SCALE_FACTORS = np.geomspace(1.0, 2.0, 9)
"""Candidate scales, as multiples of the finest; with twice the finest no pair of weights exceeds the limit."""


@dataclass(frozen=True)
class WeightBounds:
    """Least and greatest integer of each weight, shaped as in the file."""

    lower: NDArray[np.float32]
    upper: NDArray[np.float32]


def choose_wider_scales(layer: QuantizableLayer, weights: Tensor, scales: Tensor, importance: Tensor) -> Tensor:
    """The scale of each output channel with the least expected squared error of the outputs.

    Wide scales round coarsely; fine ones clip weights where neighbours are large together.

    Args:
        layer: whose weights they are.
        weights: exact, shaped as in the file.
        scales: shape (outputs,): with these the abs-max of each output's weights becomes 127.
        importance: mean square of the input that each weight is multiplied with, shaped as the weights.

    Returns:
        Shape (outputs,): multiples of ``scales``, none below 1.
    """
    pairs = _pairs(layer, weights)
    if pairs is None:
        return np.ones_like(scales)
    importance_pairs = _pairs(layer, importance)
    assert importance_pairs is not None
    first, second = importance_pairs
    # The least weighted squared error of dividing an excess of 1 between the two weights.
    pair_importance = first * second / np.maximum(first + second, np.finfo(np.float32).tiny)
    rounding = layer.in_accumulation_order(importance).sum(axis=1) / 12
    errors = []
    for factor in _SCALE_FACTORS:
        candidate = scales * factor
        excess = _excess(*pairs, _PAIR_MAX * candidate[:, np.newaxis])
        errors.append(rounding * candidate**2 + (pair_importance * excess**2).sum(axis=1))
    return np.asarray(_SCALE_FACTORS[np.argmin(errors, axis=0)], np.float32)


def weight_bounds(layer: QuantizableLayer, ratios: Tensor) -> WeightBounds:
    """Bounds within which no pair of neighbours saturates, whatever the inputs.

    Args:
        layer: whose weights they are.
        ratios: exact weights divided by their scales, shaped as in the file.
    """
    upper = np.full(ratios.shape, INT8_MAX, np.float32)
    pairs = _pairs(layer, ratios)
    if pairs is None:
        return WeightBounds(-upper, upper)
    return WeightBounds(-_upper_bounds(layer, -ratios), _upper_bounds(layer, ratios))


def _upper_bounds(layer: QuantizableLayer, ratios: Tensor) -> NDArray[np.float32]:
    """What a pair exceeds its limit by is clipped off its two weights in equal parts."""
    ordered = np.maximum(layer.in_accumulation_order(ratios), 0.0)
    bounds = np.full(ordered.shape, INT8_MAX, np.float32)
    first, second = _neighbours(ordered)
    first_bound = np.clip(np.floor((_PAIR_MAX + first - second) / 2), 0, INT8_MAX)
    even, odd = _neighbours(bounds)
    even[:] = first_bound
    odd[:] = np.minimum(_PAIR_MAX - first_bound, INT8_MAX)
    return np.asarray(layer.from_accumulation_order(bounds))


def _excess(first: Tensor, second: Tensor, limit: Tensor) -> Tensor:
    above = np.maximum(first, 0.0) + np.maximum(second, 0.0) - limit
    below = np.maximum(-first, 0.0) + np.maximum(-second, 0.0) - limit
    return np.asarray(np.maximum(above, 0.0) + np.maximum(below, 0.0))


def _pairs(layer: QuantizableLayer, values: Tensor) -> tuple[Tensor, Tensor] | None:
    """Those that are added in 16 bit; None in a depthwise convolution, which does not add in pairs."""
    if layer.is_depthwise:
        return None
    return _neighbours(layer.in_accumulation_order(values))


def _neighbours(ordered: Tensor) -> tuple[Tensor, Tensor]:
    paired = ordered.shape[1] // 2 * 2
    return ordered[:, 0:paired:2], ordered[:, 1:paired:2]

"""8-bit weights that no x86 processor adds up wrongly: without VNNI it keeps sums of two products in 16 bit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.quantization.observers.ranges import SYMMETRIC_STEPS
from core.quantization.onnx.layers import QuantizableLayer
from core.runtimes.predictor import Tensor

_MOST_OF_PAIR = 128
"""Two neighbours of the same sign together: 255 * 128 is the last multiple that fits into 16 bit with a sign."""

_WIDER = np.geomspace(1.0, 2.0, 9)
"""Steps that are tried, as multiples of the finest; with twice as wide ones no two weights are too large together."""


@dataclass(frozen=True)
class WeightBounds:
    """Between which numbers of steps each weight may be rounded."""

    lower: NDArray[np.float32]
    upper: NDArray[np.float32]


def choose_wider_scales(layer: QuantizableLayer, weights: Tensor, steps: Tensor, importance: Tensor) -> Tensor:
    """The best step of each output: wide ones round coarsely, fine ones cut off where neighbours are large together.

    Args:
        layer: whose weights they are.
        weights: exact, shaped as in the file.
        steps: (outputs,): with which the largest weight is 127 steps.
        importance: mean square of what each weight is multiplied with, shaped as the weights.

    Returns:
        (outputs,): multiples of ``steps``, none below 1.
    """
    pairs = _pairs(layer, weights)
    if pairs is None:
        return np.ones_like(steps)
    cares = _pairs(layer, importance)
    assert cares is not None
    first, second = cares
    together = first * second / np.maximum(first + second, np.finfo(np.float32).tiny)
    rounding = layer.by_product(importance).sum(axis=1) / 12
    costs = []
    for wider in _WIDER:
        width = steps * wider
        excess = _excess(*pairs, _MOST_OF_PAIR * width[:, np.newaxis])
        costs.append(rounding * width**2 + (together * excess**2).sum(axis=1))
    return np.asarray(_WIDER[np.argmin(costs, axis=0)], np.float32)


def weight_bounds(layer: QuantizableLayer, ratios: Tensor) -> WeightBounds:
    """Bounds that keep any two neighbours from being too large together, whatever they are multiplied with.

    Args:
        layer: whose weights they are.
        ratios: the exact weights in steps, shaped as in the file.
    """
    upper = np.full(ratios.shape, SYMMETRIC_STEPS, np.float32)
    pairs = _pairs(layer, ratios)
    if pairs is None:
        return WeightBounds(-upper, upper)
    return WeightBounds(-_upper(layer, -ratios), _upper(layer, ratios))


def _upper(layer: QuantizableLayer, ratios: Tensor) -> NDArray[np.float32]:
    """What two neighbours have more or less than they may, each bears one half of."""
    ordered = np.maximum(layer.by_product(ratios), 0.0)
    limits = np.full(ordered.shape, SYMMETRIC_STEPS, np.float32)
    first, second = _neighbours(ordered)
    half = np.clip(np.floor((_MOST_OF_PAIR + first - second) / 2), 0, SYMMETRIC_STEPS)
    even, odd = _neighbours(limits)
    even[:] = half
    odd[:] = np.minimum(_MOST_OF_PAIR - half, SYMMETRIC_STEPS)
    return np.asarray(layer.from_products(limits))


def _excess(first: Tensor, second: Tensor, most: Tensor) -> Tensor:
    above = np.maximum(first, 0.0) + np.maximum(second, 0.0) - most
    below = np.maximum(-first, 0.0) + np.maximum(-second, 0.0) - most
    return np.asarray(np.maximum(above, 0.0) + np.maximum(below, 0.0))


def _pairs(layer: QuantizableLayer, values: Tensor) -> tuple[Tensor, Tensor] | None:
    """Those that are added in 16 bit; None in a depthwise convolution, which is computed in another way."""
    if layer.is_depthwise:
        return None
    return _neighbours(layer.by_product(values))


def _neighbours(ordered: Tensor) -> tuple[Tensor, Tensor]:
    paired = ordered.shape[1] // 2 * 2
    return ordered[:, 0:paired:2], ordered[:, 1:paired:2]

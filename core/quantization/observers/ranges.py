"""Which range of a tensor 8-bit numbers should cover, from its histogram; pure functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.quantization.observers.histogram import Histogram

Range = tuple[float, float]
"""Smallest and largest value of a tensor."""

RangeMethod = Literal["min-max", "moving-average", "percentile", "entropy", "mean-square"]
"""How a range is chosen."""

UINT8_STEPS = 255
"""Quantization steps from the lower to the upper end of a range: activations are unsigned."""

INT8_MAX = 127
"""Quantization steps to either side of 0 in a symmetric range: weights are signed, and -128 stays unused."""

_PERCENT = 99.99
_SHRINK_FACTORS = np.geomspace(0.05, 1.0, 81)
"""Candidate ranges, as shares of the range from minimum to maximum."""


def choose_range(method: RangeMethod, histogram: Histogram, min_max: Range) -> Range:
    """The range that the method finds best; it contains 0, which must be exact for padding.

    Args:
        method: see the functions of this module.
        histogram: how the values are distributed.
        min_max: exact minimum and maximum of all values; the histogram has them to within a bin.
    """
    min_max = (min(min_max[0], 0.0), max(min_max[1], 0.0))
    if method == "min-max" or histogram.width == 0.0:
        return min_max
    low, high = _METHODS[method](histogram, min_max)
    return max(low, min_max[0]), min(high, min_max[1])


def percentile(histogram: Histogram) -> Range:
    """Clips the outermost values, half of ``100 - 99.99`` percent at each end."""
    cumulative = np.cumsum(histogram.counts) / histogram.total
    clipped = (1 - _PERCENT / 100) / 2
    first = int(np.searchsorted(cumulative, clipped, side="right"))
    last = int(np.searchsorted(cumulative, 1 - clipped))
    edges = histogram.edges
    return min(float(edges[first]), 0.0), max(float(edges[min(last + 1, len(edges) - 1)]), 0.0)


def mean_square(histogram: Histogram, min_max: Range) -> Range:
    """Least mean squared error: of rounding inside the range, plus of clipping outside of it.

    Rounding with the step s has the mean squared error s^2/12 (Widrow and Kollar, Quantization Noise,
    2008). Both ends are searched together over a grid of candidates.
    """
    lows, highs = (ends.ravel() for ends in np.meshgrid(min_max[0] * _SHRINK_FACTORS, min_max[1] * _SHRINK_FACTORS))
    count_inside, clipped_below, clipped_above = _error_terms(histogram)
    clipping = clipped_below(lows) + clipped_above(highs)
    rounding = ((highs - lows) / UINT8_STEPS) ** 2 / 12 * count_inside(lows, highs)
    best = int(np.argmin(clipping + rounding))
    return float(lows[best]), float(highs[best])


def mean_square_abs_max(histogram: Histogram, abs_max: float) -> float:
    """:func:`mean_square` for symmetric ranges.

    Args:
        histogram: of absolute values.
        abs_max: the largest of them.

    Returns:
        The absolute value that 127 should stand for.
    """
    limits = abs_max * _SHRINK_FACTORS
    count_inside, _, clipped_above = _error_terms(histogram)
    rounding = (limits / INT8_MAX) ** 2 / 12 * count_inside(np.zeros(1), limits)
    return float(limits[np.argmin(clipped_above(limits) + rounding)])


def entropy(histogram: Histogram, min_max: Range) -> Range:
    """Least Kullback-Leibler divergence of the quantised from the true distribution.

    Source: Migacz, 8-bit Inference with TensorRT (2017), for ranges with two ends. Ends are shrunk
    together, since every candidate needs a distribution of its own.
    """
    divergences = [_divergence(histogram, (min_max[0] * factor, min_max[1] * factor)) for factor in _SHRINK_FACTORS]
    # Of equal candidates the widest: it clips least.
    factor = float(_SHRINK_FACTORS[len(_SHRINK_FACTORS) - 1 - int(np.argmin(divergences[::-1]))])
    return min_max[0] * factor, min_max[1] * factor


_METHODS: Mapping[str, Callable[[Histogram, Range], Range]] = {
    "percentile": lambda histogram, _: percentile(histogram),
    "mean-square": mean_square,
    "entropy": entropy,
}


ErrorSum = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def _error_terms(
    histogram: Histogram,
) -> tuple[Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]], ErrorSum, ErrorSum]:
    """Functions of arrays of borders: the count of values inside, and the squared errors of clipping below and above.

    Prefix sums of count, value and square make each a matter of a few look-ups.
    """
    edges, counts = histogram.edges, histogram.counts
    centers = (edges[:-1] + edges[1:]) / 2
    sums = [np.concatenate([[0.0], np.cumsum(counts * centers**power)]) for power in (0, 1, 2)]

    def bins(border: NDArray[np.float64]) -> NDArray[np.intp]:
        """Number of bins whose centre is below each border."""
        return np.searchsorted(centers, border)

    def inside(lows: NDArray[np.float64], highs: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(sums[0][bins(highs)] - sums[0][bins(lows)])

    def below(border: NDArray[np.float64]) -> NDArray[np.float64]:
        n, x, xx = (total[bins(border)] for total in sums)
        return np.asarray(xx - 2 * border * x + border**2 * n)

    def above(border: NDArray[np.float64]) -> NDArray[np.float64]:
        n, x, xx = (total[-1] - total[bins(border)] for total in sums)
        return np.asarray(xx - 2 * border * x + border**2 * n)

    return inside, below, above


def _divergence(histogram: Histogram, covered: Range) -> float:
    """Kullback-Leibler divergence of one candidate, in nats."""
    edges = histogram.edges
    centers = (edges[:-1] + edges[1:]) / 2
    counts = histogram.counts.astype(np.float64)
    step = (covered[1] - covered[0]) / UINT8_STEPS
    if step == 0.0:
        return np.inf
    inside = (centers >= covered[0]) & (centers <= covered[1])
    if not inside.any():
        return np.inf
    true = counts[inside].copy()
    levels = np.rint((centers[inside] - covered[0]) / step).astype(np.int64)
    sums = np.bincount(levels, weights=true)
    filled = np.bincount(levels, weights=true > 0)
    # The count of a level is spread evenly over those of its bins that were not empty.
    quantized = np.where(true > 0, (sums / np.maximum(filled, 1))[levels], 0.0)
    # What is clipped is added to the outermost bins of the true distribution only.
    true[0] += counts[centers < covered[0]].sum()
    true[-1] += counts[centers > covered[1]].sum()
    p, q = true / true.sum(), quantized / max(quantized.sum(), 1.0)
    occupied = p > 0
    return float((p[occupied] * np.log(p[occupied] / np.maximum(q[occupied], 1e-10))).sum())

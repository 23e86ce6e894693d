"""Which range of a tensor the 256 steps of an 8-bit number should cover, as pure functions."""

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

STEPS = 255
SYMMETRIC_STEPS = 127
_PERCENT = 99.99
_SHARES = np.geomspace(0.05, 1.0, 81)
"""Ranges that are tried, as shares of the whole one."""


def choose_range(method: RangeMethod, histogram: Histogram, whole: Range) -> Range:
    """The range that the method finds best; it contains 0, which must be exact for padding.

    Args:
        method: see the functions of this module.
        histogram: how the values are distributed.
        whole: smallest and largest value seen, which the histogram may know less exactly.
    """
    whole = (min(whole[0], 0.0), max(whole[1], 0.0))
    if method == "min-max" or histogram.width == 0.0:
        return whole
    low, high = _METHODS[method](histogram, whole)
    return max(low, whole[0]), min(high, whole[1])


def percentile(histogram: Histogram) -> Range:
    """Leaves out the outermost values, half of ``100 - 99.99`` percent at each end."""
    shares = np.cumsum(histogram.counts) / histogram.total
    out = (1 - _PERCENT / 100) / 2
    first = int(np.searchsorted(shares, out, side="right"))
    last = int(np.searchsorted(shares, 1 - out))
    edges = histogram.edges
    return min(float(edges[first]), 0.0), max(float(edges[min(last + 1, len(edges) - 1)]), 0.0)


def mean_square(histogram: Histogram, whole: Range) -> Range:
    """Least expected squared error: rounding inside the range, plus clipping outside of it.

    Rounding to a grid of step s errs by s^2/12 in the mean (Widrow and Kollar, Quantization Noise,
    2008). The shares of both ends are searched together over a grid.
    """
    lows, highs = _candidates(whole)
    inside, below, above = _moments(histogram)
    clipped = below(lows) + above(highs)
    rounding = ((highs - lows) / STEPS) ** 2 / 12 * inside(lows, highs)
    best = int(np.argmin(clipped + rounding))
    return float(lows[best]), float(highs[best])


def mean_square_abs_max(histogram: Histogram, largest: float) -> float:
    """:func:`mean_square` for ranges that are as wide below 0 as above.

    Args:
        histogram: of magnitudes, of which none is negative.
        largest: the greatest of them.

    Returns:
        The greatest magnitude that the 127 steps to either side of 0 should reach.
    """
    limits = largest * _SHARES
    inside, _, above = _moments(histogram)
    rounding = (limits / SYMMETRIC_STEPS) ** 2 / 12 * inside(np.zeros(1), limits)
    return float(limits[np.argmin(above(limits) + rounding)])


def entropy(histogram: Histogram, whole: Range) -> Range:
    """Least information lost: Kullback-Leibler divergence of the quantised from the true distribution.

    Source: Migacz, 8-bit Inference with TensorRT (2017), for ranges with two ends. Ends are shrunk
    together, since every candidate needs a distribution of its own.
    """
    divergences = [_divergence(histogram, (whole[0] * share, whole[1] * share)) for share in _SHARES]
    # Of equal candidates the widest: it clips least.
    share = float(_SHARES[len(_SHARES) - 1 - int(np.argmin(divergences[::-1]))])
    return whole[0] * share, whole[1] * share


_METHODS: Mapping[str, Callable[[Histogram, Range], Range]] = {
    "percentile": lambda histogram, _: percentile(histogram),
    "mean-square": mean_square,
    "entropy": entropy,
}


def _candidates(whole: Range) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    lows, highs = np.meshgrid(whole[0] * _SHARES, whole[1] * _SHARES)
    return lows.ravel(), highs.ravel()


Counter = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def _moments(
    histogram: Histogram,
) -> tuple[Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]], Counter, Counter]:
    """How many values lie inside, and the summed squared distance of those below and above a border."""
    edges, counts = histogram.edges, histogram.counts
    centers = (edges[:-1] + edges[1:]) / 2
    sums = [np.concatenate([[0.0], np.cumsum(counts * centers**power)]) for power in (0, 1, 2)]

    def bins(border: NDArray[np.float64]) -> NDArray[np.intp]:
        """Number of bins whose centre is below the border."""
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
    """Kullback-Leibler divergence in nats of one candidate."""
    edges = histogram.edges
    centers = (edges[:-1] + edges[1:]) / 2
    counts = histogram.counts.astype(np.float64)
    step = (covered[1] - covered[0]) / STEPS
    if step == 0.0:
        return np.inf
    inside = (centers >= covered[0]) & (centers <= covered[1])
    if not inside.any():
        return np.inf
    true = counts[inside].copy()
    places = np.rint((centers[inside] - covered[0]) / step).astype(np.int64)
    sums = np.bincount(places, weights=true)
    filled = np.bincount(places, weights=true > 0)
    # What a step holds is spread evenly over those of its bins that held anything.
    quantized = np.where(true > 0, (sums / np.maximum(filled, 1))[places], 0.0)
    # The true distribution piles what is clipped onto the borders; the quantised one does not know of it.
    true[0] += counts[centers < covered[0]].sum()
    true[-1] += counts[centers > covered[1]].sum()
    p, q = true / true.sum(), quantized / max(quantized.sum(), 1.0)
    some = p > 0
    return float((p[some] * np.log(p[some] / np.maximum(q[some], 1e-10))).sum())

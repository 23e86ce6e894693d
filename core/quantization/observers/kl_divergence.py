"""Where to clip activations by the Kullback-Leibler divergence, number for number as ncnn's tool does.

Algorithm: Migacz, "8-bit inference with TensorRT", 2017; in the reading of ncnn a4d2ea1,
``tools/quantize/ncnn2table.cpp``, ``quantize_KL``, whose 32-bit sums are added up in the same order here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BINS = 2048

_LEVELS = 128
_EPSILON = np.float32(1e-4)

Floats = NDArray[np.float32]


def histogram(values: NDArray[np.float32], largest: float) -> NDArray[np.int64]:
    """Counts of magnitudes from 0 to ``largest`` in :data:`BINS` steps; exact zeros are left out."""
    magnitudes = np.abs(values[values != 0])
    if not magnitudes.size or largest <= 0.0:
        return np.zeros(BINS, np.int64)
    places = (magnitudes / np.float32(largest) * np.float32(BINS)).astype(np.int32)
    return np.bincount(np.minimum(places, BINS - 1), minlength=BINS)


def kl_thresholds(histograms: NDArray[np.int64] | NDArray[np.float64], largest: Floats) -> Floats:
    """The magnitude at which each layer is clipped.

    Args:
        histograms: shape (layers, BINS), each over all pictures.
        largest: greatest magnitude of each layer.

    Returns:
        Shape (layers,), in the unit of the activations.
    """
    counts = histograms.sum(axis=1, keepdims=True)
    shares = (histograms / np.maximum(counts, 1)).astype(np.float32)
    best = np.full(len(shares), np.inf, np.float32)
    kept = np.full(len(shares), _LEVELS)
    for bins in range(_LEVELS, BINS):
        divergence = _divergence(_clipped(shares, bins), _coarse(shares, bins))
        better = divergence < best
        best[better], kept[better] = divergence[better], bins
    thresholds = (kept.astype(np.float32) + np.float32(0.5)) * largest.astype(np.float32) / np.float32(BINS)
    return np.asarray(thresholds, np.float32)


def _clipped(shares: Floats, bins: int) -> Floats:
    """The first bins, the last of which takes in all that lies beyond."""
    clipped = shares[:, :bins] + _EPSILON
    beyond = np.concatenate([clipped[:, -1:], shares[:, bins:]], axis=1)
    clipped[:, -1] = np.add.accumulate(beyond, axis=1)[:, -1]
    return clipped


def _coarse(shares: Floats, bins: int) -> Floats:
    """The first bins as they look after merging them into 128: each holds the mean of its merged bin."""
    width = np.float32(bins) / np.float32(_LEVELS)
    starts = np.arange(_LEVELS, dtype=np.float32) * width
    ends = np.arange(1, _LEVELS + 1, dtype=np.float32) * width
    starts[-1], ends[-1] = np.float32(bins) - width, bins
    left, right = np.ceil(starts).astype(np.int64), np.floor(ends).astype(np.int64)
    left_share, right_share = left.astype(np.float32) - starts, ends - right.astype(np.float32)
    below, above = np.maximum(left - 1, 0), np.minimum(right, bins - 1)
    merged = left_share * shares[:, below] + right_share * shares[:, above]
    for step in range(int((right - left).max())):
        inside = left + step < right
        merged[:, inside] += shares[:, (left + step)[inside]]
    merged /= (right - left).astype(np.float32) + left_share + right_share
    expanded = np.full((len(shares), bins), _EPSILON)
    # An edge bin belongs to two merged ones in part; ncnn adds the part of the earlier one first.
    _add(expanded, above, right_share * merged, right_share > 0)
    _add(expanded, below, left_share * merged, left_share > 0)
    for step in range(int((right - left).max())):
        inside = left + step < right
        expanded[:, (left + step)[inside]] += merged[:, inside]
    return expanded


def _add(expanded: Floats, places: NDArray[np.int64], values: Floats, chosen: NDArray[np.bool_]) -> None:
    expanded[:, places[chosen]] += values[:, chosen]


def _divergence(clipped: Floats, coarse: Floats) -> Floats:
    return np.asarray(np.add.accumulate(clipped * np.log(clipped / coarse), axis=1)[:, -1], np.float32)

"""Where to clip activations by the Kullback-Leibler divergence, number for number as ncnn's tool does.

Algorithm: Migacz, "8-bit inference with TensorRT", 2017, as in ncnn a4d2ea1, ``tools/quantize/ncnn2table.cpp``,
``quantize_KL``; its 32-bit sums are added up in the same order here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BINS = 2048

_LEVELS = 128
"""Bins that a candidate range is merged into: one for each non-negative 8-bit integer."""

_EPSILON = np.float32(1e-4)

Floats = NDArray[np.float32]


def abs_histogram(values: NDArray[np.float32], abs_max: float) -> NDArray[np.int64]:
    """Counts of absolute values in :data:`BINS` bins from 0 to ``abs_max``; exact zeros are left out."""
    absolute = np.abs(values[values != 0])
    if not absolute.size or abs_max <= 0.0:
        return np.zeros(BINS, np.int64)
    indices = (absolute / np.float32(abs_max) * np.float32(BINS)).astype(np.int32)
    return np.bincount(np.minimum(indices, BINS - 1), minlength=BINS)


def kl_thresholds(histograms: NDArray[np.int64] | NDArray[np.float64], abs_max: Floats) -> Floats:
    """The absolute value at which each layer's input is clipped.

    Args:
        histograms: shape (layers, BINS), each over all samples.
        abs_max: shape (layers,), absolute maximum of each.

    Returns:
        Shape (layers,), in the unit of the activations.
    """
    counts = histograms.sum(axis=1, keepdims=True)
    probabilities = (histograms / np.maximum(counts, 1)).astype(np.float32)
    best = np.full(len(probabilities), np.inf, np.float32)
    best_bins = np.full(len(probabilities), _LEVELS)
    for bins in range(_LEVELS, BINS):
        divergence = _divergence(_clipped(probabilities, bins), _quantized(probabilities, bins))
        better = divergence < best
        best[better], best_bins[better] = divergence[better], bins
    thresholds = (best_bins.astype(np.float32) + np.float32(0.5)) * abs_max.astype(np.float32) / np.float32(BINS)
    return np.asarray(thresholds, np.float32)


def _clipped(probabilities: Floats, bins: int) -> Floats:
    """The first bins, the last of which takes in all that lies beyond."""
    clipped = probabilities[:, :bins] + _EPSILON
    beyond = np.concatenate([clipped[:, -1:], probabilities[:, bins:]], axis=1)
    clipped[:, -1] = np.add.accumulate(beyond, axis=1)[:, -1]
    return clipped


def _quantized(probabilities: Floats, bins: int) -> Floats:
    """The first bins after merging them into 128 and expanding again: each holds the mean of its merged bin."""
    width = np.float32(bins) / np.float32(_LEVELS)
    starts = np.arange(_LEVELS, dtype=np.float32) * width
    ends = np.arange(1, _LEVELS + 1, dtype=np.float32) * width
    starts[-1], ends[-1] = np.float32(bins) - width, bins
    left, right = np.ceil(starts).astype(np.int64), np.floor(ends).astype(np.int64)
    left_share, right_share = left.astype(np.float32) - starts, ends - right.astype(np.float32)
    below, above = np.maximum(left - 1, 0), np.minimum(right, bins - 1)
    merged = left_share * probabilities[:, below] + right_share * probabilities[:, above]
    for offset in range(int((right - left).max())):
        inside = left + offset < right
        merged[:, inside] += probabilities[:, (left + offset)[inside]]
    merged /= (right - left).astype(np.float32) + left_share + right_share
    expanded = np.full((len(probabilities), bins), _EPSILON)
    # An edge bin belongs to two merged ones in part; ncnn adds the part of the earlier one first.
    _add_columns(expanded, above, right_share * merged, right_share > 0)
    _add_columns(expanded, below, left_share * merged, left_share > 0)
    for offset in range(int((right - left).max())):
        inside = left + offset < right
        expanded[:, (left + offset)[inside]] += merged[:, inside]
    return expanded


def _add_columns(expanded: Floats, indices: NDArray[np.int64], values: Floats, chosen: NDArray[np.bool_]) -> None:
    expanded[:, indices[chosen]] += values[:, chosen]


def _divergence(clipped: Floats, quantized: Floats) -> Floats:
    return np.asarray(np.add.accumulate(clipped * np.log(clipped / quantized), axis=1)[:, -1], np.float32)

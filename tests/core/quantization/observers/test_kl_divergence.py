"""Against scales that ncnn's own tool measured (ncnn2table of ncnn a4d2ea1), from the same histograms."""

from pathlib import Path

import numpy as np

from core.quantization.observers.kl_divergence import BINS, abs_histogram, kl_thresholds

RANGES = np.load(Path(__file__).parents[1] / "ncnn" / "golden" / "ranges.npz")


def test_thresholds_are_those_of_ncnn2table():
    scales = 127 / kl_thresholds(RANGES["histograms"].astype(np.int64), RANGES["largest"])
    assert len(scales) == 20 and np.allclose(scales, RANGES["kl"], rtol=1e-5)


def test_a_histogram_counts_absolute_values_without_zeros():
    counts = abs_histogram(np.array([0.0, -2.0, 2.0, 1.0, 0.0], np.float32), 2.0)
    assert counts.sum() == 3 and counts[-1] == 2 and counts[BINS // 2] == 1


def test_a_layer_with_only_zeros_has_the_threshold_0():
    assert not abs_histogram(np.zeros(5, np.float32), 0.0).any()
    assert kl_thresholds(np.zeros((1, BINS), np.int64), np.zeros(1, np.float32)) == [0.0]

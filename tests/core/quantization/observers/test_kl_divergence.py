"""Held against scales that ncnn's own tool measured (ncnn2table of ncnn a4d2ea1), from the histograms that it saw."""

import math
from pathlib import Path

import numpy as np
import pytest

from core.quantization.ncnn.official_calibration import measure_table
from core.quantization.observers.aciq import aciq_threshold
from core.quantization.observers.kl_divergence import BINS, histogram, kl_thresholds
from ncnn_small import model

RANGES = np.load(Path(__file__).parents[1] / "ncnn" / "golden" / "ranges.npz")


def test_thresholds_are_those_of_ncnn2table():
    scales = 127 / kl_thresholds(RANGES["histograms"].astype(np.int64), RANGES["largest"])
    assert len(scales) == 20 and np.allclose(scales, RANGES["kl"], rtol=1e-5)


def test_aciqs_thresholds_are_those_of_ncnn2table():
    limits = [
        aciq_threshold(float(one), count=int(n)) for one, n in zip(RANGES["largest"], RANGES["counts"], strict=True)
    ]
    assert np.allclose(127 / np.array(limits), RANGES["aciq"], rtol=1e-5)


def test_a_histogram_counts_magnitudes_and_leaves_zeros_out():
    counts = histogram(np.array([0.0, -2.0, 2.0, 1.0, 0.0], np.float32), 2.0)
    assert counts.sum() == 3 and counts[-1] == 2 and counts[BINS // 2] == 1


def test_a_layer_that_saw_only_zeros_has_the_threshold_zero():
    assert not histogram(np.zeros(5, np.float32), 0.0).any()
    assert kl_thresholds(np.zeros((1, BINS), np.int64), np.zeros(1, np.float32)) == [0.0]


@pytest.mark.parametrize("method", ["kl", "aciq"])
def test_a_table_measured_through_ncnn_holds_every_layer_in_the_official_order(method):
    random = np.random.default_rng(4)
    pictures = [{"x0": random.standard_normal((1, 3, 16, 16)).astype(np.float32)} for _ in range(3)]
    table = measure_table(model(), lambda: pictures, method)
    assert list(table.rows) == ["conv_0_param_0", "convdw_1_param_0", "fc_0_param_0", "conv_0", "convdw_1", "fc_0"]
    largest = max(float(np.abs(picture["x0"]).max()) for picture in pictures)
    if method == "aciq":
        assert math.isclose(table.input("conv_0"), 127 / aciq_threshold(largest, count=3 * 16 * 16), rel_tol=1e-6)
    else:
        assert table.input("conv_0") >= 127 / (largest * 1.001)

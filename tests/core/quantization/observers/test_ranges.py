"""Ranges against an exhaustive search on the values themselves."""

import numpy as np
import pytest

from core.quantization.observers.histogram import Histogram
from core.quantization.observers.ranges import UINT8_STEPS, choose_range


def histogram(values):
    counted = Histogram()
    counted.update(values)
    return counted


def chosen(method, values):
    return choose_range(method, histogram(values), (float(values.min()), float(values.max())))


def error(values, covered):
    """Mean squared error of actual rounding and clipping."""
    step = (covered[1] - covered[0]) / UINT8_STEPS
    return float(np.mean((np.clip(np.rint(values / step) * step, *covered) - values) ** 2))


def heavy_tailed(seed=0):
    return np.random.default_rng(seed).standard_t(3, 200_000).astype(np.float32)


def test_mean_square_has_a_smaller_error_than_min_max():
    values = heavy_tailed()
    assert error(values, chosen("mean-square", values)) < 0.75 * error(values, chosen("min-max", values))


def test_mean_square_finds_nearly_the_least_error_of_all_symmetric_ranges():
    values = heavy_tailed()
    best = min(error(values, (-end, end)) for end in np.linspace(1, 60, 200))
    assert error(values, chosen("mean-square", values)) < 1.1 * best


def test_mean_square_does_not_clip_a_uniform_distribution():
    values = np.linspace(0, 6, 100_000).astype(np.float32)
    assert chosen("mean-square", values)[1] == pytest.approx(6, abs=0.1)


def test_percentile_clips_the_stated_share():
    values = heavy_tailed()
    low, high = chosen("percentile", values)
    outside = np.mean((values < low) | (values > high))
    assert 0 < outside < 2e-4


def test_entropy_clips_a_single_outlier():
    values = np.append(np.random.default_rng(0).standard_normal(100_000), 200).astype(np.float32)
    assert chosen("entropy", values)[1] < 120


@pytest.mark.parametrize("method", ["min-max", "percentile", "entropy", "mean-square"])
def test_every_range_contains_0_and_stays_within_min_and_max(method):
    for values in (heavy_tailed(), np.abs(heavy_tailed()) + 1, -np.abs(heavy_tailed()) - 1):
        low, high = chosen(method, values)
        assert min(values.min(), 0) <= low <= 0 <= high <= max(values.max(), 0) and low < high


@pytest.mark.parametrize("method", ["min-max", "percentile", "entropy", "mean-square"])
def test_a_tensor_of_zeros_has_the_range_0(method):
    assert choose_range(method, histogram(np.zeros(9, np.float32)), (0.0, 0.0)) == (0.0, 0.0)

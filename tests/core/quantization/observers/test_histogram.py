"""Counting in one pass, over a range that is not known in advance."""

import numpy as np
import pytest

from core.quantization.observers.histogram import BINS, Histogram


def filled(*parts):
    histogram = Histogram()
    for part in parts:
        histogram.update(np.asarray(part, np.float32))
    return histogram


def test_every_value_is_counted_while_the_range_grows():
    random = np.random.default_rng(0)
    parts = [random.standard_normal(1000) * scale for scale in (1e-3, 1.0, 50.0, 1e4)]
    assert filled(*parts).total == 4000


def test_it_equals_counting_all_at_once():
    random = np.random.default_rng(1)
    parts = [random.exponential(scale, 5000) for scale in (1, 2, 8)]
    histogram = filled(*parts)
    values = np.concatenate(parts).astype(np.float32)
    edge = histogram.edges[BINS // 2 + 100]
    assert histogram.counts[: BINS // 2 + 100].sum() == pytest.approx((values < edge).sum(), abs=2)


def test_the_bins_stay_fine_enough():
    histogram = filled(np.linspace(-1, 1, 1000), np.linspace(-7, 7, 1000))
    assert histogram.width * BINS <= 4 * 2 * 7
    assert histogram.edges[0] <= -7 and histogram.edges[-1] > 7


def test_zeros_before_the_first_other_value_are_counted():
    histogram = filled(np.zeros(10), [3.0])
    assert histogram.total == 11 and histogram.counts[BINS // 2] == 10


def test_nan_and_infinities_are_left_out():
    assert filled([1.0, np.nan, np.inf, -np.inf]).total == 1
    assert filled([np.nan]).total == 0

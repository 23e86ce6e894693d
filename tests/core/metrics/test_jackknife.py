import numpy as np
import pytest

from core.metrics.jackknife import jackknife


def test_for_a_mean_it_is_the_interval_of_student():
    values = np.random.default_rng(0).normal(3, 2, 20)
    without = np.array([np.delete(values, index).mean() for index in range(20)])
    low, high = jackknife(values.mean(), without)
    half = 2.093 * values.std(ddof=1) / np.sqrt(20)
    assert (low, high) == (pytest.approx(values.mean() - half), pytest.approx(values.mean() + half))


def test_undefined_groups_are_left_out():
    assert jackknife(0.5, np.array([0.4, np.nan, 0.6])) == jackknife(0.5, np.array([0.4, 0.6]))


def test_one_group_gives_no_interval():
    assert jackknife(0.5, np.array([0.5])) is None
    assert jackknife(0.5, np.array([np.nan, 0.5])) is None


def test_two_groups_give_a_wide_one():
    low, high = jackknife(0.5, np.array([0.4, 0.6]))
    assert high - low == pytest.approx(2 * 12.706 * 0.1)

import numpy as np
import pytest

from core.metrics.intervals import bootstrap, bootstrap_mean, wilson


def test_wilsons_interval_is_that_of_his_formula_and_ends_exactly_at_0_and_1():
    assert wilson(9, 10) == (pytest.approx(0.5958, abs=1e-4), pytest.approx(0.9821, abs=1e-4))
    assert wilson(10, 10)[1] == 1.0 and wilson(0, 10)[0] == 0.0
    assert wilson(10, 10)[0] == pytest.approx(0.7225, abs=1e-4)


def test_the_bootstrap_of_a_mean_is_about_the_normal_interval_and_always_the_same():
    values = np.random.default_rng(0).normal(0.5, 0.1, 400)
    low, high = bootstrap_mean(values)
    half = 1.96 * values.std() / np.sqrt(400)
    assert low == pytest.approx(values.mean() - half, abs=2e-3) and high == pytest.approx(
        values.mean() + half, abs=2e-3
    )
    assert bootstrap_mean(values) == (low, high)


def test_a_statistic_that_is_never_defined_has_the_widest_interval():
    assert bootstrap(np.ones((4, 1)), lambda sums: np.full(len(sums), np.nan)) == (0.0, 1.0)

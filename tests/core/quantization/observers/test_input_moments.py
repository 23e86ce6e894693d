"""Moments of rows that come in parts, against numpy over all rows at once."""

import numpy as np
import pytest

from core.quantization.observers.input_moments import InputMoments

ROWS = np.random.default_rng(0).standard_normal((2, 2000, 12)).astype(np.float32) + np.float32(0.3)


def moments(*, part):
    observer = InputMoments()
    for start in range(0, ROWS.shape[1], part):
        observer.update(ROWS[:, start : start + part])
    return observer


@pytest.mark.parametrize("part", [7, 150, 2000])
def test_moments_are_those_of_all_rows_however_they_are_divided(part):
    observer = moments(part=part)
    assert observer.means == pytest.approx(ROWS.mean(axis=1), abs=1e-4)
    expected = ROWS.transpose(0, 2, 1) @ ROWS / ROWS.shape[1]
    assert observer.products == pytest.approx(expected, rel=1e-3, abs=1e-3)
    for block in (0, 1):
        assert observer.covariance[block] == pytest.approx(np.cov(ROWS[block].T, bias=True), rel=1e-3, abs=1e-3)


def test_an_overflow_leaves_an_infinity_that_can_be_checked_for():
    observer = InputMoments()
    observer.update(np.full((1, 4, 2), 3e38, np.float32))
    assert np.isinf(observer.products).all()

import math

import pytest

from core.metrics.prediction_noise import NoiseSum, PredictionNoise


def total(*pairs):
    noise = PredictionNoise(lambda feeds, outputs: None, lambda a, b: (abs(a - b), a), (0,), {})
    summed = NoiseSum(noise)
    for before, after in pairs:
        summed.update(before, after)
    return summed.ratio


def test_powers_are_summed_before_they_are_divided():
    assert total((10.0, 9.0), (0.0, 0.5)) == pytest.approx(0.15)


def test_without_any_prediction_it_is_finite_and_with_nan_infinite():
    assert total() == 0.0 and total((0.0, 0.0)) == 0.0
    assert total((1.0, math.nan)) == math.inf and total((1.0, math.inf)) == math.inf

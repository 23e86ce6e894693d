"""Each way to choose the range of a layer's input, on numbers whose right answer is known."""

import math

import numpy as np
import pytest

from core.common.errors import OptionError
from core.quantization.ncnn.calibration import measure_ranges
from core.quantization.ncnn.int8 import quantizable_layers
from core.quantization.observers.abs_max import METHODS, AbsMaxObserver, choose_abs_max, method_named
from core.quantization.observers.aciq import aciq_threshold
from core.quantization.observers.kl_divergence import BINS, histogram, kl_thresholds
from ncnn_small import model, param_text


def normal(size=200_000, seed=0):
    return np.random.default_rng(seed).standard_normal(size).astype(np.float32)


def limit(method, *samples):
    seen = AbsMaxObserver(method)
    for values in samples:
        seen.add(values)
    return choose_abs_max(method, {"blob": seen})["blob"]


def error(values, reach):
    step = reach / 127
    return float(np.mean((np.clip(np.rint(values / step), -127, 127) * step - values) ** 2))


@pytest.mark.parametrize("method", METHODS)
def test_no_limit_is_beyond_what_was_seen(method):
    for values in (normal(), np.abs(normal()), normal(7), np.full(9, -3, np.float32)):
        assert 0 < limit(method, values, values / 2) <= np.abs(values).max()


@pytest.mark.parametrize("method", ["percentile", "mean-square", "kl"])
def test_a_lonely_outlier_is_clipped(method):
    assert limit(method, np.append(normal(), np.float32(-100))) < 60
    assert limit("min-max", np.append(normal(), np.float32(-100))) == 100


def test_percentile_leaves_out_as_much_as_it_says():
    values = normal()
    assert 0 < np.mean(np.abs(values) > limit("percentile", values)) < 1e-4


def test_mean_square_is_about_the_best_of_all_limits():
    values = np.random.default_rng(1).standard_t(3, 200_000).astype(np.float32)
    best = min(error(values, reach) for reach in np.linspace(1, 60, 200))
    assert error(values, limit("mean-square", values)) < 1.05 * best < error(values, limit("min-max", values)) / 1.5


def test_kl_in_one_pass_is_about_that_of_the_official_tool_in_two():
    values = np.random.default_rng(2).laplace(size=400_000).astype(np.float32)
    largest = float(np.abs(values).max())
    official = kl_thresholds(histogram(values, largest)[np.newaxis], np.array([largest], np.float32))[0]
    assert limit("kl", *np.split(values, 4)) == pytest.approx(official, rel=0.05)


def test_aciq_counts_the_numbers_of_one_sample():
    parts = np.split(normal(), 2)
    largest = float(np.abs(normal()).max())
    assert limit("aciq", *parts) == pytest.approx(aciq_threshold(largest, count=100_000))


@pytest.mark.parametrize("method", METHODS)
def test_zeros_and_what_is_not_a_number_are_not_mistaken_for_ranges(method):
    assert limit(method, np.zeros(9, np.float32)) == 0
    assert limit(method, normal(), np.array([np.nan], np.float32), normal()) == math.inf
    assert limit(method) == 0


def test_what_is_kept_does_not_grow_with_the_samples():
    seen = AbsMaxObserver("kl")
    seen.add(normal())
    before = seen.histogram.counts.size
    for seed in range(20):
        seen.add(normal(seed=seed) * seed)
    assert seen.histogram.counts.size == before == 8 * BINS


@pytest.mark.parametrize("method", METHODS)
def test_every_layer_of_a_model_gets_a_range_in_one_pass(method):
    small = model(param_text("Convolution a 1 1 in0 b1 0=8 1=1 5=1 6=24", "Convolution b 1 1 b1 out0 0=4 1=1 6=32"))
    stream = ({"x0": normal(3 * 32 * 32, seed).reshape(1, 3, 32, 32)} for seed in range(5))
    ranges = measure_ranges(small, quantizable_layers(small), stream, method=method)
    assert set(ranges) == {1, 2} and all(0 < reach < math.inf for reach in ranges.values())
    assert next(stream, None) is None


def test_a_method_is_known_by_its_name():
    assert method_named("mean-square") == "mean-square"
    with pytest.raises(OptionError):
        method_named("magic")

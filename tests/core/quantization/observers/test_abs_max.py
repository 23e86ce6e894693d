"""Each method for the range of a layer's input, on values whose best range is known."""

import math

import numpy as np
import pytest

from core.common.errors import OptionError
from core.quantization.ncnn.calibration import measure_ranges
from core.quantization.ncnn.int8 import quantizable_layers
from core.quantization.observers.abs_max import METHODS, AbsMaxObserver, choose_abs_max, method_named
from core.quantization.observers.aciq import aciq_threshold
from core.quantization.observers.kl_divergence import BINS, abs_histogram, kl_thresholds
from ncnn_small import model, param_text


def normal(size=200_000, seed=0):
    return np.random.default_rng(seed).standard_normal(size).astype(np.float32)


def limit(method, *samples):
    observer = AbsMaxObserver(method)
    for values in samples:
        observer.update(values)
    return choose_abs_max(method, {"blob": observer})["blob"]


def error(values, abs_max):
    step = abs_max / 127
    return float(np.mean((np.clip(np.rint(values / step), -127, 127) * step - values) ** 2))


@pytest.mark.parametrize("method", METHODS)
def test_no_range_exceeds_the_absolute_maximum(method):
    for values in (normal(), np.abs(normal()), normal(7), np.full(9, -3, np.float32)):
        assert 0 < limit(method, values, values / 2) <= np.abs(values).max()


@pytest.mark.parametrize("method", ["percentile", "mean-square", "kl"])
def test_a_single_outlier_is_clipped(method):
    assert limit(method, np.append(normal(), np.float32(-100))) < 60
    assert limit("min-max", np.append(normal(), np.float32(-100))) == 100


def test_percentile_clips_the_stated_share():
    values = normal()
    assert 0 < np.mean(np.abs(values) > limit("percentile", values)) < 1e-4


def test_mean_square_finds_nearly_the_least_error_of_all_ranges():
    values = np.random.default_rng(1).standard_t(3, 200_000).astype(np.float32)
    best = min(error(values, abs_max) for abs_max in np.linspace(1, 60, 200))
    assert error(values, limit("mean-square", values)) < 1.05 * best < error(values, limit("min-max", values)) / 1.5


def test_kl_in_one_pass_is_close_to_the_official_tools_in_two():
    values = np.random.default_rng(2).laplace(size=400_000).astype(np.float32)
    abs_max = float(np.abs(values).max())
    official = kl_thresholds(abs_histogram(values, abs_max)[np.newaxis], np.array([abs_max], np.float32))[0]
    assert limit("kl", *np.split(values, 4)) == pytest.approx(official, rel=0.05)


def test_aciq_uses_the_count_of_one_sample():
    parts = np.split(normal(), 2)
    abs_max = float(np.abs(normal()).max())
    assert limit("aciq", *parts) == pytest.approx(aciq_threshold(abs_max, count=100_000))


@pytest.mark.parametrize("method", METHODS)
def test_zeros_give_0_and_nan_gives_infinity(method):
    assert limit(method, np.zeros(9, np.float32)) == 0
    assert limit(method, normal(), np.array([np.nan], np.float32), normal()) == math.inf
    assert limit(method) == 0


def test_memory_does_not_grow_with_the_samples():
    observer = AbsMaxObserver("kl")
    observer.update(normal())
    before = observer.histogram.counts.size
    for seed in range(20):
        observer.update(normal(seed=seed) * seed)
    assert observer.histogram.counts.size == before == 8 * BINS


@pytest.mark.parametrize("method", METHODS)
def test_every_layer_of_a_model_gets_a_range_in_one_pass(method):
    small = model(param_text("Convolution a 1 1 in0 b1 0=8 1=1 5=1 6=24", "Convolution b 1 1 b1 out0 0=4 1=1 6=32"))
    stream = ({"x0": normal(3 * 32 * 32, seed).reshape(1, 3, 32, 32)} for seed in range(5))
    ranges = measure_ranges(small, quantizable_layers(small), stream, method=method)
    assert set(ranges) == {1, 2} and all(0 < abs_max < math.inf for abs_max in ranges.values())
    assert next(stream, None) is None


def test_a_method_is_found_by_its_name():
    assert method_named("mean-square") == "mean-square"
    with pytest.raises(OptionError):
        method_named("magic")

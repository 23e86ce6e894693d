import numpy as np

from core.quantization.ncnn.calibration import measure_ranges, measure_sensitivity
from core.quantization.ncnn.int8 import quantizable_layers
from ncnn_small import model, param_text

TWO_OUTPUTS = param_text("Split s 1 2 in0 b1 b2", "InnerProduct a 1 1 b1 out0 0=4 2=64", "ReLU r 1 1 b2 out1")


def samples(*scales):
    for seed, scale in enumerate(scales):
        yield {"x0": scale * np.random.default_rng(seed).standard_normal((1, 3, 12, 12)).astype(np.float32)}


def test_the_range_of_the_first_layer_is_that_of_the_samples():
    abs_max = max(float(np.abs(sample["x0"]).max()) for sample in samples(1, 4, 2))
    ranges = measure_ranges(model(), quantizable_layers(model()), samples(1, 4, 2))
    assert ranges[1] == np.float32(abs_max) and set(ranges) == {1, 3, 6}


def test_ranges_only_grow_with_further_samples():
    few = measure_ranges(model(), (1, 3, 6), samples(1))
    more = measure_ranges(model(), (1, 3, 6), samples(1, 5))
    assert all(more[index] > few[index] > 0 for index in few)


def test_samples_are_taken_one_by_one():
    alive = []

    def stream():
        for sample in samples(*[1] * 5):
            alive.append(1)
            yield sample
            alive.pop()
            assert not alive

    measure_ranges(model(), (1,), stream())


def test_nan_makes_the_range_infinite_and_not_small():
    broken = [{"x0": np.full((1, 3, 12, 12), np.nan, np.float32)}, *samples(1)]
    assert measure_ranges(model(), (1,), broken)[1] == float("inf")


def test_without_samples_there_is_no_range():
    assert measure_ranges(model(), (1, 3), []) == {1: 0.0, 3: 0.0}


def test_sensitivity_is_the_noise_ratio_of_the_outputs_and_grows_with_a_coarse_input():
    ranges = measure_ranges(model(), (1, 3, 6), samples(1, 1))
    fine = measure_sensitivity(model(), ranges, list(samples(1)))
    coarse = measure_sensitivity(model(), {**ranges, 3: 20 * ranges[3]}, list(samples(1)))
    assert set(fine) == {1, 3, 6} and all(0 < ratio < 0.01 for ratio in fine.values())
    assert coarse[3] > 20 * fine[3] and coarse[1] == fine[1] and coarse[6] == fine[6]


def test_an_output_that_a_layer_does_not_reach_halves_the_mean_noise_ratio():
    small = model(TWO_OUTPUTS)
    sample = {"x0": np.random.default_rng(0).standard_normal((1, 16)).astype(np.float32)}
    both = measure_sensitivity(small, {2: 3.0}, [sample])[2]
    del small.outputs["y1"]
    assert both == measure_sensitivity(small, {2: 3.0}, [sample])[2] / 2 > 0


def test_an_output_that_is_not_finite_is_the_worst_sensitivity():
    broken = {"x0": np.full((1, 3, 12, 12), np.nan, np.float32)}
    assert measure_sensitivity(model(), {1: 1.0}, [broken]) == {1: float("inf")}


def test_without_samples_there_is_no_sensitivity():
    assert measure_sensitivity(model(), dict.fromkeys(quantizable_layers(model()), 1.0), []) == {}

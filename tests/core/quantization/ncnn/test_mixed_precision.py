import numpy as np
import pytest

from core.ncnn.weights import write_weights
from core.quantization.ncnn.calibration import measure_ranges, measure_sensitivity
from core.quantization.ncnn.int8 import quantizable_layers, to_int8
from core.quantization.ncnn.mixed_precision import SIZE_BUDGET, by_noise, by_rule
from ncnn_small import model, param_text

CONVOLUTIONS = param_text(
    "Convolution a 1 1 in0 b1 0=32 1=1 5=1 6=96",
    "ConvolutionDepthWise b 1 1 b1 b2 0=32 1=3 4=1 5=1 6=288 7=32",
    "Convolution c 1 1 b2 b3 0=128 1=1 5=1 6=4096",
    "Convolution d 1 1 b3 b4 0=16 1=1 5=1 6=2048",
    "Convolution e 1 1 b4 out0 0=256 1=1 5=1 6=4096",
)
LAYERS = (1, 2, 3, 4, 5)


def samples(count):
    random = np.random.default_rng(6)
    return [{"x0": random.standard_normal((1, 3, 8, 8)).astype(np.float32)} for _ in range(count)]


def size(made):
    return len(write_weights(made.weights))


def test_the_first_and_the_depthwise_layers_stay_in_float_while_there_is_room():
    large = model(CONVOLUTIONS.replace("6=4096", "6=40960").replace("0=128", "0=1280"))
    assert by_rule(large, LAYERS) == {1, 2}


def test_nothing_stays_in_float_where_the_file_would_grow_too_large():
    assert by_rule(model(), (1, 3, 6)) == frozenset()


@pytest.mark.parametrize("noisy", LAYERS)
def test_the_file_never_passes_the_budget_and_noise_for_its_size_comes_first(noisy):
    source = model(CONVOLUTIONS.replace("6=4096", "6=16384"))
    noise = {index: 1.0 if index == noisy else 1e-5 for index in LAYERS}
    kept = by_noise(source, LAYERS, kept=(), noise=noise)
    made = to_int8(source, dict.fromkeys(LAYERS, 1.0), keep_float=kept)
    assert size(made) <= SIZE_BUDGET * size(source)
    assert noisy in kept or source.weights[noisy][0].values.size > 3000


def test_a_layer_that_nobody_hears_goes_to_8_bit_though_there_is_room():
    source = model(CONVOLUTIONS.replace("6=4096", "6=40960"))
    assert by_noise(source, LAYERS, kept=(), noise={1: 1e-3, 2: 1e-9}) == {1}


def test_the_noise_of_a_layer_is_that_of_its_coarse_input():
    source = model(CONVOLUTIONS)
    ranges = measure_ranges(source, LAYERS, samples(3))
    fine = measure_sensitivity(source, ranges, samples(2))
    coarse = measure_sensitivity(source, {**ranges, 4: ranges[4] * 20}, samples(2))
    assert set(fine) == set(LAYERS) and all(0 < share < 0.01 for share in fine.values())
    assert coarse[4] > 20 * fine[4] and all(coarse[index] == fine[index] for index in (1, 2, 3, 5))


def test_without_samples_nothing_is_heard():
    assert measure_sensitivity(model(), dict.fromkeys(quantizable_layers(model()), 1.0), []) == {}

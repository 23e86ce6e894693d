import pytest

from core.ncnn.weights import write_weights
from core.quantization.ncnn.int8 import to_int8
from core.quantization.ncnn.mixed_precision import by_rule, by_sensitivity
from ncnn_small import model, param_text

CONVOLUTIONS = param_text(
    "Convolution a 1 1 in0 b1 0=32 1=1 5=1 6=96",
    "ConvolutionDepthWise b 1 1 b1 b2 0=32 1=3 4=1 5=1 6=288 7=32",
    "Convolution c 1 1 b2 b3 0=128 1=1 5=1 6=4096",
    "Convolution d 1 1 b3 b4 0=16 1=1 5=1 6=2048",
    "Convolution e 1 1 b4 out0 0=256 1=1 5=1 6=4096",
)
BUDGET = 0.3
LAYERS = (1, 2, 3, 4, 5)


def size(made):
    return len(write_weights(made.weights))


def test_the_first_and_the_depthwise_layers_stay_in_float_within_the_budget():
    large = model(CONVOLUTIONS.replace("6=4096", "6=40960").replace("0=128", "0=1280"))
    assert by_rule(large, LAYERS, BUDGET) == {1, 2}


def test_nothing_stays_in_float_where_the_file_would_grow_too_large():
    assert by_rule(model(), (1, 3, 6), BUDGET) == frozenset()


@pytest.mark.parametrize("sensitive", LAYERS)
def test_the_file_never_exceeds_the_budget_and_the_most_noise_for_its_size_comes_first(sensitive):
    source = model(CONVOLUTIONS.replace("6=4096", "6=16384"))
    sensitivity = {index: 1.0 if index == sensitive else 1e-5 for index in LAYERS}
    kept = by_sensitivity(source, LAYERS, kept=(), sensitivity=sensitivity, budget=BUDGET)
    made = to_int8(source, dict.fromkeys(LAYERS, 1.0), keep_float=kept)
    assert size(made) <= BUDGET * size(source)
    assert sensitive in kept or source.weights[sensitive][0].values.size > 3000


def test_a_layer_with_negligible_noise_becomes_8_bit_though_the_budget_allows_16():
    source = model(CONVOLUTIONS.replace("6=4096", "6=40960"))
    assert by_sensitivity(source, LAYERS, kept=(), sensitivity={1: 1e-3, 2: 1e-9}, budget=BUDGET) == {1}

import numpy as np

from core.quantization.ncnn.calibration import measure_ranges
from core.quantization.ncnn.int8 import quantizable_layers
from ncnn_small import model


def samples(*scales):
    for seed, scale in enumerate(scales):
        yield {"x0": scale * np.random.default_rng(seed).standard_normal((1, 3, 12, 12)).astype(np.float32)}


def test_the_range_of_the_first_layer_is_that_of_the_pictures():
    largest = max(float(np.abs(sample["x0"]).max()) for sample in samples(1, 4, 2))
    ranges = measure_ranges(model(), quantizable_layers(model()), samples(1, 4, 2))
    assert ranges[1] == np.float32(largest) and set(ranges) == {1, 3, 6}


def test_ranges_only_grow_with_further_pictures():
    few = measure_ranges(model(), (1, 3, 6), samples(1))
    more = measure_ranges(model(), (1, 3, 6), samples(1, 5))
    assert all(more[index] > few[index] > 0 for index in few)


def test_pictures_are_taken_one_by_one():
    alive = []

    def stream():
        for sample in samples(*[1] * 5):
            alive.append(1)
            yield sample
            alive.pop()
            assert not alive

    measure_ranges(model(), (1,), stream())


def test_what_is_not_a_number_makes_the_range_infinite_and_not_small():
    broken = [{"x0": np.full((1, 3, 12, 12), np.nan, np.float32)}, *samples(1)]
    assert measure_ranges(model(), (1,), broken)[1] == float("inf")


def test_without_pictures_there_is_no_range():
    assert measure_ranges(model(), (1, 3), []) == {1: 0.0, 3: 0.0}

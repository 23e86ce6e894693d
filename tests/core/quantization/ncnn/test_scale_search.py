"""Ranges found by trials are never worse than those the search began with."""

import math

import numpy as np
import pytest

from core.quantization.ncnn.calibration import measure_ranges
from core.quantization.ncnn.int8 import quantizable_layers
from core.quantization.ncnn.scale_search import layer_similarity, search_scales, single_layer_model
from core.runtimes.ncnn import NcnnPredictor
from ncnn_small import model


def samples(count=4, outlier=30.0):
    for seed in range(count):
        values = np.random.default_rng(seed).standard_normal((1, 3, 12, 12)).astype(np.float32)
        values[0, 0, 3, 3] = outlier
        yield {"x0": values}


def blob_values(source, blob):
    predictor = NcnnPredictor(source, {}, threads=1)
    return [values.copy() for sample in samples() for _, values in predictor.extract(sample, [blob])]


def test_a_layer_by_itself_computes_what_it_does_in_its_model():
    source = model()
    for index in quantizable_layers(source):
        layer = source.param.layers[index]
        predictor = NcnnPredictor(single_layer_model(source, index), {}, threads=1)
        for values, expected in zip(
            blob_values(source, layer.bottoms[0]), blob_values(source, layer.tops[0]), strict=True
        ):
            ((_, output),) = predictor.extract({"x": values[np.newaxis]}, [layer.tops[0]])
            assert output == pytest.approx(expected, abs=1e-5)


def test_no_layer_is_worse_than_at_the_start():
    source = model()
    start = measure_ranges(source, quantizable_layers(source), samples())
    found = search_scales(source, start, list(samples()))
    gains = []
    for index, abs_max in start.items():
        layer, inputs = single_layer_model(source, index), blob_values(source, source.param.layers[index].bottoms[0])
        gains.append(layer_similarity(layer, inputs, found[index]) - layer_similarity(layer, inputs, abs_max))
        assert 0.5 * abs_max <= found[index] <= 2 * abs_max
    assert min(gains) >= 0 and max(gains) > 0


def test_a_range_far_too_wide_is_narrowed():
    source = model()
    wide = {1: 8 * measure_ranges(source, (1,), samples())[1]}
    assert search_scales(source, wide, list(samples()))[1] < 0.6 * wide[1]


def test_ranges_of_0_or_infinity_stay_and_without_samples_all_do():
    source = model()
    assert search_scales(source, {1: 0.0, 3: math.inf}, list(samples())) == {1: 0.0, 3: math.inf}
    assert search_scales(source, {1: 2.0}, []) == {1: 2.0}


def test_eq_uses_samples_spread_over_a_long_stream():
    source = model()
    start = measure_ranges(source, (1,), samples(40))
    spread = list(samples(40))[::8]
    assert measure_ranges(source, (1,), samples(40), method="eq") == search_scales(source, start, spread)

import numpy as np
import pytest

from core.ncnn.param import parse_param
from core.ncnn.weights import TAG_FLOAT16, TAG_INT8, read_weights, stored
from core.quantization.ncnn.int8 import (
    quantizable_layers,
    quantizable_without_range,
    quantize_rows,
    to_int8,
    weight_levels,
)
from core.runtimes.ncnn import NcnnPredictor
from ncnn_small import TEXT, content, model, param_text

RANGES = {1: 3.0, 3: 5.0, 6: 4.0}
GEMM = param_text("Gemm g 1 1 in0 out0 10=4 2=0 3=1 4=0 5=1 6=1 7=6 8=5 9=16")


def test_the_layers_that_need_a_range_are_found():
    assert quantizable_layers(model()) == (1, 3, 6) and quantizable_without_range(model()) == ()
    assert quantizable_layers(model(GEMM)) == () and quantizable_without_range(model(GEMM)) == (1,)


def test_the_scales_are_per_channel_and_come_in_ncnns_order():
    made = model()
    weight, bias, weight_scale, input_scale = to_int8(made, RANGES).weights[6]
    rows = made.weights[6][0].values.reshape(4, 8)
    assert weight.tag == TAG_INT8 and weight.values.dtype == np.int8
    assert np.allclose(weight_scale.values, 127 / np.abs(rows).max(axis=1))
    assert input_scale.values == np.float32(127 / 4.0)
    assert np.array_equal(bias.values, made.weights[6][1].values)
    assert np.allclose(weight.values.reshape(4, 8) / weight_scale.values[:, None], rows, atol=0.02)


def test_the_graph_is_edited_in_place():
    lines = to_int8(model(), RANGES).param.write().splitlines()
    for index, line in enumerate(TEXT.splitlines()):
        addition = {3: " 8=2", 5: " 8=1", 8: " 8=2"}.get(index, "")
        assert lines[index] == line + addition


def test_the_file_reads_back_and_is_a_quarter():
    big = model(TEXT.replace("0=4 1=1 2=32", "0=4000 1=0 2=32000"))
    quantized = to_int8(big, RANGES)
    assert content(quantized) == b"".join(a.write() for arrays in quantized.weights for a in arrays)
    assert read_weights(quantized.param, content(quantized))
    assert len(content(quantized)) < 0.4 * len(content(big))


def test_layers_kept_in_float_are_stored_in_16_bit():
    quantized = to_int8(model(), RANGES, keep_float={1})
    assert quantized.weights[1][0].tag == TAG_FLOAT16 and quantized.weights[3][0].tag == TAG_INT8
    assert quantized.param.layers[1].integer(8) == 0


@pytest.mark.parametrize("range_", [0.0, 1e-38, float("inf"), float("nan"), None])
def test_a_layer_without_a_usable_range_stays_in_float(range_):
    ranges = {1: 3.0, 3: 5.0} | ({} if range_ is None else {6: range_})
    quantized = to_int8(model(), ranges)
    assert quantized.weights[6][0].tag == TAG_FLOAT16 and quantized.weights[1][0].tag == TAG_INT8


def test_a_layer_with_weights_that_are_not_finite_stays_in_float():
    def edit(index, layer, arrays):
        return layer, (stored(arrays[0].slot, arrays[0].values * np.nan), *arrays[1:]) if index == 6 else arrays

    assert quantizable_layers(model().edited(edit)) == (1, 3)


def test_ties_are_rounded_away_from_zero():
    rows = np.float32([[127, 0.5, -0.5, 1.5, -1.5, 2.5]])
    integers, scales = quantize_rows(rows, levels=127)
    assert scales == [1.0] and integers.tolist() == [[127, 1, -1, 2, -2, 3]]


def test_dead_channels_get_the_scale_zero():
    rows = np.float32([[1, 2], [0, 0], [1e-40, -1e-39]])
    integers, scales = quantize_rows(rows, levels=127)
    assert np.isfinite(scales).all() and scales.tolist() == [63.5, 0, 0] and not integers[1:].any()


@pytest.mark.parametrize(
    ("kind", "params", "levels"),
    [
        ("Convolution", "0=8 1=3 6=72", 31),
        ("Convolution", "0=8 1=3 11=3 2=1 12=1 3=1 13=1 6=72", 31),
        ("Convolution", "0=8 1=3 3=2 6=72", 127),
        ("Convolution", "0=8 1=3 13=2 6=72", 127),
        ("Convolution", "0=8 1=3 2=2 6=72", 127),
        ("Convolution", "0=8 1=3 11=1 6=72", 127),
        ("Convolution", "0=8 1=1 6=72", 127),
        ("ConvolutionDepthWise", "0=8 1=3 6=72 7=8", 127),
    ],
)
def test_only_what_winograd_computes_gets_6_bit_weights(kind, params, levels):
    assert weight_levels(parse_param(param_text(f"{kind} c 1 1 in0 o {params}")).layers[1]) == levels


def run(made, tensor):
    predictor = NcnnPredictor(made, {"y0": np.zeros(output_shape(made), np.float32)}, threads=1)
    try:
        return predictor.run({"x0": tensor})["y0"]
    finally:
        predictor.close()


def output_shape(made):
    return (6, 5) if made.param.layers[-1].type == "Gemm" else (1, 4)


def test_ncnn_computes_nearly_the_same_outputs_in_8_bit():
    tensor = np.random.default_rng(5).uniform(-3, 3, (1, 3, 12, 12)).astype(np.float32)
    made = model()
    big = {1: 3.0, 3: 40.0, 6: 40.0}
    before, after = run(made, tensor), run(to_int8(made, big), tensor)
    assert np.vdot(before, after) / np.linalg.norm(before) / np.linalg.norm(after) > 0.99
    assert not np.array_equal(before, after)


def test_ncnn_outputs_the_bias_for_dead_channels():
    def edit(index, layer, arrays):
        if index != 6:
            return layer, arrays
        values = arrays[0].values.copy()
        values[:8] = 0
        return layer, (stored(arrays[0].slot, values), *arrays[1:])

    made = model().edited(edit)
    tensor = np.ones((1, 3, 12, 12), np.float32)
    after = run(to_int8(made, {1: 1.0, 3: 40.0, 6: 40.0}), tensor)
    assert np.isfinite(after).all() and after[0, 0] == pytest.approx(made.weights[6][1].values[0], abs=1e-6)


def test_gemm_gets_one_scale_over_all_of_its_weights_and_runs():
    """Over all of them: ncnn's own tool reads the first row only, and clips the others."""
    made = model(GEMM)
    quantized = to_int8(made, {})
    weight, bias, scale = quantized.weights[1]
    assert scale.values == np.float32(127 / np.abs(made.weights[1][0].values).max()) and weight.tag == TAG_INT8
    assert bias.tag == TAG_FLOAT16 and quantized.param.layers[1].integer(18) == 2
    tensor = np.random.default_rng(6).standard_normal((1, 6, 16)).astype(np.float32)
    before, after = run(made, tensor), run(quantized, tensor)
    assert np.abs(before - after).max() < 0.05 * np.abs(before).max()
    assert to_int8(made, {}, keep_float={1}).weights[1][0].tag == TAG_FLOAT16


def test_gemms_in_another_form_than_pnnxs_and_dead_ones_stay_in_float():
    assert quantizable_without_range(model(GEMM.replace("3=1 ", "3=0 "))) == ()
    dead = model(GEMM).edited(lambda _, layer, arrays: (layer, tuple(stored(a.slot, a.values * 0) for a in arrays)))
    assert quantizable_without_range(dead) == ()

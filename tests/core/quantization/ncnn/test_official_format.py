"""Held against files that ncnn's own tools wrote (a4d2ea1, July 2026, x86); golden/ keeps their inputs and sums."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from core.common.errors import ConversionError
from core.ncnn.model import NcnnModel
from core.ncnn.table import Table, parse_table
from core.ncnn.weights import read_weights, write_weights
from core.quantization.ncnn.int8 import QUANTIZABLE
from core.quantization.ncnn.official_format import half_as_x86, round_as_x86, to_int8_official, weight_table
from core.quantization.observers.aciq import aciq_threshold
from ncnn_small import model, param_text

GOLDEN = Path(__file__).parent / "golden"
WRITTEN_BY_NCNN2INT8 = {
    "toy.kl": "e82771b825de0e7a573c0ddea8be4cfe50b36ec2aa5eb2d38288c1b7a679c6e8",
    "toy.aciq": "cf1078e11be967808b6074b7e840136cb588f3eb95bed2d8651e0c8d535d37a9",
    "seq": "f83e77ee25223d6bf01f70003345ccecfb824fc9eb82c5740afe1edcd522f7e2",
}


def load(name):
    param_path = GOLDEN / f"{name.partition('.')[0]}.param"
    return NcnnModel.load(param_path, param_path.with_suffix(".bin"), inputs={}, outputs={})


def golden_table(name):
    return parse_table((GOLDEN / f"{name}.table").read_text())


@pytest.mark.parametrize("name", WRITTEN_BY_NCNN2INT8)
def test_weights_are_those_of_ncnn2int8_byte_for_byte(name):
    made = to_int8_official(load(name), golden_table(name))
    assert hashlib.sha256(write_weights(made.weights)).hexdigest() == WRITTEN_BY_NCNN2INT8[name]


@pytest.mark.parametrize("name", WRITTEN_BY_NCNN2INT8)
def test_what_is_written_can_be_read_again_by_its_own_graph(name):
    made = to_int8_official(load(name), golden_table(name))
    again = read_weights(made.param, write_weights(made.weights))
    assert all(
        a.slot == b.slot for old, new in zip(made.weights, again, strict=True) for a, b in zip(old, new, strict=True)
    )


@pytest.mark.parametrize("name", WRITTEN_BY_NCNN2INT8)
def test_scales_of_weights_are_those_of_ncnn2table(name):
    golden, source = golden_table(name), load(name)
    layers = enumerate(source.param.layers)
    inputs = {index: golden.input(layer.name) for index, layer in layers if layer.type in QUANTIZABLE}
    made = weight_table(source, inputs, "aciq" if name.endswith("aciq") else "kl")
    assert list(made.rows) == list(golden.rows)
    assert all(np.allclose(made.rows[key], row, rtol=1e-6) for key, row in golden.rows.items())


def test_a_table_comes_back_as_it_was():
    text = (GOLDEN / "toy.kl.table").read_text()
    assert parse_table(text).write() == text


def test_an_empty_line_ends_a_table_as_it_does_for_ncnn():
    assert list(parse_table("a 1.5 \n\nb 2 \n").rows) == ["a"]


@pytest.mark.parametrize("text", ["a one \n", "a \n", "a 1 2 \n"])
def test_a_damaged_table_is_refused(text):
    with pytest.raises(ConversionError, match="table"):
        parse_table(text)


def test_a_table_of_another_model_is_refused_with_the_layers_name():
    rows = {"conv_0_param_0": np.ones(3, np.float32), "conv_0": np.ones(1, np.float32)}
    with pytest.raises(ConversionError, match="conv_0"):
        to_int8_official(model(), Table(rows))


def test_a_layer_without_a_row_for_its_input_stays_in_float():
    made = to_int8_official(model(), Table({"conv_0_param_0": np.ones(8, np.float32)}))
    assert made.param.layers[1].integer(8) == 0 and made.weights[1][0].values.dtype == np.float16


def test_a_gemm_takes_its_scale_from_the_first_row_as_the_official_tool_does():
    made = to_int8_official(model(param_text("Gemm g 1 1 in0 out0 3=1 5=1 6=1 7=1 8=4 9=6 10=4")), Table({}))
    values = model(param_text("Gemm g 1 1 in0 out0 3=1 5=1 6=1 7=1 8=4 9=6 10=4")).weights[1][0].values
    scale = next(array for array in made.weights[1] if array.slot.role == "b_scale")
    assert np.allclose(scale.values, 127 / np.abs(values[:6]).max())


def test_the_last_numbers_of_a_row_are_rounded_exactly_and_the_others_by_adding_a_half():
    just_below_half = np.float32(0.49999997)
    row = np.full(5, just_below_half, np.float32)
    assert round_as_x86(row, 1.0).tolist() == [1, 1, 1, 1, 0]


def test_what_is_too_large_or_no_number_becomes_the_lowest_number():
    assert round_as_x86(np.array([0.0, 1.0, -1.0, 1e-3, 2.0], np.float32), np.inf).tolist() == [-127] * 5
    assert round_as_x86(np.array([1e4, -1e4], np.float32), 1.0).tolist() == [127, -127]


def test_the_last_numbers_of_an_array_are_cut_off_on_their_way_to_16_bit():
    nearly, subnormal = np.float32(1 + 0.9 * 2**-10), np.float32(1e-6)
    halves = half_as_x86(np.array([nearly, subnormal, 1, 1, nearly, subnormal, 1e6], np.float32))
    assert halves[0] == 1 + 2**-10 and halves[1] != 0
    assert halves[4] == 1 and halves[5] == 0 and halves[6] == np.inf


def test_aciq_clips_many_numbers_below_their_largest_and_few_above_it():
    assert aciq_threshold(1.0, count=9) > 1.0 > aciq_threshold(1.0, count=1_000_000)
    assert aciq_threshold(1.0, count=1) == np.inf

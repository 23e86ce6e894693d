"""Against files that ncnn's own tools wrote (a4d2ea1, July 2026, x86); golden/ has their inputs and checksums."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from core.common.errors import ConversionError
from core.ncnn.model import NcnnModel
from core.ncnn.table import Table, parse_table
from core.ncnn.weights import read_weights, write_weights
from core.quantization.ncnn.official_ncnn2int8 import fp16_as_x86, round_as_x86, to_int8_official
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
def test_the_weights_are_read_back_with_their_graph(name):
    made = to_int8_official(load(name), golden_table(name))
    again = read_weights(made.param, write_weights(made.weights))
    assert all(
        a.slot == b.slot for old, new in zip(made.weights, again, strict=True) for a, b in zip(old, new, strict=True)
    )


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


def test_the_last_values_of_a_row_are_rounded_exactly_and_the_others_by_adding_a_half():
    just_below_half = np.float32(0.49999997)
    row = np.full(5, just_below_half, np.float32)
    assert round_as_x86(row, 1.0).tolist() == [1, 1, 1, 1, 0]


def test_nan_and_what_is_too_large_for_32_bit_becomes_the_lowest_integer():
    assert round_as_x86(np.array([0.0, 1.0, -1.0, 1e-3, 2.0], np.float32), np.inf).tolist() == [-127] * 5
    assert round_as_x86(np.array([1e4, -1e4], np.float32), 1.0).tolist() == [127, -127]


def test_the_last_values_of_an_array_are_truncated_to_fp16():
    nearly, subnormal = np.float32(1 + 0.9 * 2**-10), np.float32(1e-6)
    converted = fp16_as_x86(np.array([nearly, subnormal, 1, 1, nearly, subnormal, 1e6], np.float32))
    assert converted[0] == 1 + 2**-10 and converted[1] != 0
    assert converted[4] == 1 and converted[5] == 0 and converted[6] == np.inf

"""Against tables that ncnn's own tools wrote (a4d2ea1, July 2026, x86)."""

import math
from pathlib import Path

import numpy as np
import pytest

from core.common.errors import ConversionError
from core.ncnn.model import NcnnModel
from core.ncnn.table import parse_table
from core.quantization.ncnn.int8 import QUANTIZABLE
from core.quantization.ncnn.official_ncnn2table import measure_table, weight_table
from core.quantization.observers.aciq import aciq_threshold
from ncnn_small import model

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("name", ["toy.kl", "toy.aciq", "seq"])
def test_scales_of_weights_are_those_of_ncnn2table(name):
    param_path = GOLDEN / f"{name.partition('.')[0]}.param"
    source = NcnnModel.load(param_path, param_path.with_suffix(".bin"), inputs={}, outputs={})
    golden = parse_table((GOLDEN / f"{name}.table").read_text())
    layers = enumerate(source.param.layers)
    inputs = {index: golden.input(layer.name) for index, layer in layers if layer.type in QUANTIZABLE}
    made = weight_table(source, inputs, "aciq" if name.endswith("aciq") else "kl")
    assert list(made.rows) == list(golden.rows)
    assert all(np.allclose(made.rows[key], row, rtol=1e-6) for key, row in golden.rows.items())


@pytest.mark.parametrize("method", ["kl", "aciq"])
def test_a_table_measured_through_ncnn_has_every_layer_in_the_official_order(method):
    random = np.random.default_rng(4)
    samples = [{"x0": random.standard_normal((1, 3, 16, 16)).astype(np.float32)} for _ in range(3)]
    table = measure_table(model(), lambda: samples, method)
    assert list(table.rows) == ["conv_0_param_0", "convdw_1_param_0", "fc_0_param_0", "conv_0", "convdw_1", "fc_0"]
    abs_max = max(float(np.abs(sample["x0"]).max()) for sample in samples)
    if method == "aciq":
        assert math.isclose(table.input("conv_0"), 127 / aciq_threshold(abs_max, count=3 * 16 * 16), rel_tol=1e-6)
    else:
        assert table.input("conv_0") >= 127 / (abs_max * 1.001)


def test_a_table_comes_back_as_it_was():
    text = (GOLDEN / "toy.kl.table").read_text()
    assert parse_table(text).write() == text


def test_an_empty_line_ends_a_table_as_it_does_for_ncnn():
    assert list(parse_table("a 1.5 \n\nb 2 \n").rows) == ["a"]


@pytest.mark.parametrize("text", ["a one \n", "a \n", "a 1 2 \n"])
def test_a_damaged_table_is_refused(text):
    with pytest.raises(ConversionError, match="table"):
        parse_table(text)

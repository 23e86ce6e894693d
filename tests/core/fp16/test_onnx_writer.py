"""Graphs for which the usual converters write files that do not load or are wrong."""

import numpy as np
import pytest
from onnx import TensorProto

from core.fp16.candidates import fp16_candidates
from core.fp16.onnx_writer import round_to_fp16, to_fp16
from core.runtimes.onnx import OnnxPredictor
from fp16_graphs import FEEDS, GRAPHS, overflow, weights_in_a_branch


def relative_error(original, converted):
    expected, outputs = OnnxPredictor(original).run(FEEDS)["y"], OnnxPredictor(converted).run(FEEDS)["y"]
    assert outputs.dtype == np.float32
    return np.abs(outputs - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize("make", [make for make in GRAPHS if make is not overflow])
def test_any_graph_loads_and_agrees_with_all_candidates_in_fp16(make):
    original = make()
    before = original.SerializeToString()
    assert relative_error(original, to_fp16(original, fp16_candidates(original))) <= 0.005
    assert original.SerializeToString() == before


@pytest.mark.parametrize("make", GRAPHS)
def test_any_subset_of_the_candidates_can_be_in_fp16(make):
    original = make()
    candidates = fp16_candidates(original)
    for subset in ((), candidates[::2], candidates[1::2]):
        OnnxPredictor(to_fp16(original, subset)).run(FEEDS)


def test_weights_inside_branches_are_stored_in_fp16():
    converted = to_fp16(weights_in_a_branch(), ())
    constants = [
        node.attribute[0].t.data_type
        for node in converted.graph.node[2].attribute[0].g.node
        if node.op_type == "Constant"
    ]
    assert len(converted.graph.node) == 3 and TensorProto.FLOAT not in constants


def test_weights_of_float_nodes_are_stored_in_fp16():
    converted = to_fp16(overflow(), ())
    assert {tensor.data_type for tensor in converted.graph.initializer if len(tensor.dims) == 4} == {
        TensorProto.FLOAT16
    }


@pytest.mark.parametrize("count", [1, 12, 1000])
def test_rounding_never_makes_infinity_and_keeps_infinities_and_shapes(count):
    values = np.resize(np.array([7e4, -1e9, np.inf, 0.1], np.float32), (1, count))
    rounded = round_to_fp16(values)
    assert rounded.shape == (1, count) and rounded.dtype == np.float16
    assert np.array_equal(np.isinf(rounded), np.isinf(values)) and rounded[0, 0] == np.finfo(np.float16).max


def test_a_scalar_stays_a_scalar():
    assert round_to_fp16(np.array(1e-12, np.float32)).shape == ()


def test_rounding_makes_neither_infinity_nor_zero():
    rounded = round_to_fp16(np.array([-3.4e38, 1e-12, -1e-30, 0.0, np.inf], np.float32))
    assert rounded[0] == np.finfo(np.float16).min and rounded[1] > 0 and rounded[2] < 0
    assert rounded[3] == 0 and np.isinf(rounded[4])

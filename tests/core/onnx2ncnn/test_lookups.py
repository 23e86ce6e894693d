"""Lookups by computed indices: token ids as inputs, indices that the model computes, tables that are computed."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

from core.ncnn.model import NcnnModel
from core.onnx2ncnn.convert import convert_onnx
from core.runtimes.ncnn import NcnnPredictor
from core.runtimes.onnx import OnnxPredictor
from ncnn_small import onnx_model

RANDOM = np.random.default_rng(11)
WORDS = 9


def weight(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


def kinds(made: NcnnModel) -> list[str]:
    return [layer.type for layer in made.param.layers]


def agree(model, *samples):
    made = None
    for feeds in samples:
        expected = OnnxPredictor(model, threads=1).run(feeds)
        made = made or convert_onnx(model, feeds)
        found = NcnnPredictor(made, expected, threads=1).run(feeds)
        for name, tensor in expected.items():
            np.testing.assert_allclose(found[name], tensor, atol=1e-4)
    return made


def ids(*shape):
    return [{"ids": RANDOM.integers(0, WORDS, shape)} for _ in range(2)]


@pytest.mark.parametrize(("table", "axis"), [((WORDS, 4), 0), ((4, WORDS), 1), ((WORDS,), 0), ((3, WORDS, 2), 1)])
def test_rows_of_a_table_by_token_ids_are_an_embedding(table, axis):
    nodes = [helper.make_node("Gather", ["table", "ids"], ["y"], axis=axis)]
    inputs = [("ids", TensorProto.INT64, (1, 6))]
    made = agree(onnx_model(nodes, inputs, [("y", TensorProto.FLOAT, None)], table=weight(*table)), *ids(1, 6))
    assert "Embed" in kinds(made) and made.integer_inputs == {"in0"}


def test_token_ids_that_are_also_numbers_have_both():
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["rows"]),
        helper.make_node("Cast", ["ids"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["numbers", "last"], ["column"]),
        helper.make_node("Mul", ["rows", "column"], ["y"]),
    ]
    inputs = [("ids", TensorProto.INT64, (1, 6))]
    weights = {"table": weight(WORDS, 4), "last": np.array([2], np.int64)}
    agree(onnx_model(nodes, inputs, [("y", TensorProto.FLOAT, None)], **weights), *ids(1, 6))


def test_indices_that_the_model_computes_look_up_by_one_hot_rows():
    nodes = [
        helper.make_node("ArgMax", ["x"], ["best"], axis=2, keepdims=0),
        helper.make_node("Gather", ["table", "best"], ["y"]),
    ]
    model = onnx_model(
        nodes, [("x", TensorProto.FLOAT, (1, 5, WORDS))], [("y", TensorProto.FLOAT, None)], table=weight(WORDS, 4)
    )
    agree(model, *({"x": weight(1, 5, WORDS)} for _ in range(2)))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_values_and_indices_may_both_be_computed(axis):
    """As the layers of graph networks fetch the features of neighbours."""
    shape = (WORDS, 4, 5)
    nodes = [
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node("Gather", ["r", "ids"], ["y"], axis=axis),
    ]
    inputs = [("x", TensorProto.FLOAT, shape), ("ids", TensorProto.INT64, (2, 3))]
    samples = [
        {"x": weight(*shape), "ids": RANDOM.integers(-shape[axis], shape[axis], (2, 3))},
        {"x": weight(*shape), "ids": RANDOM.integers(0, shape[axis], (2, 3))},
    ]
    made = agree(onnx_model(nodes, inputs, [("y", TensorProto.FLOAT, None)]), *samples)
    assert "MatMul" in kinds(made) and not made.integer_inputs


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_elements_along_an_axis_by_computed_indices(axis):
    shape, wanted = [WORDS, 4, 5], [WORDS, 4, 5]
    wanted[axis] = 2
    nodes = [
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node("GatherElements", ["r", "ids"], ["y"], axis=axis),
    ]
    inputs = [("x", TensorProto.FLOAT, shape), ("ids", TensorProto.INT64, wanted)]
    samples = [
        {"x": weight(*shape), "ids": RANDOM.integers(-shape[axis], shape[axis], wanted)},
        {"x": weight(*shape), "ids": RANDOM.integers(0, shape[axis], wanted)},
    ]
    agree(onnx_model(nodes, inputs, [("y", TensorProto.FLOAT, None)]), *samples)

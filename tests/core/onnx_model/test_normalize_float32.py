"""Floats of 16 and 64 bit."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.onnx_model.normalize.float32 import lower_double, raise_half
from rewritten import constant, graph_of, model_of, node, rewritten, scalar, unchanged, value

HALF, DOUBLE = TensorProto.FLOAT16, TensorProto.DOUBLE


@pytest.mark.parametrize(
    ("kind", "dtype", "rewrite"), [(HALF, np.float16, raise_half), (DOUBLE, np.float64, lower_double)]
)
def test_weights_inputs_outputs_casts_and_subgraphs(kind, dtype, rewrite):
    then = graph_of(
        [node("Mul", ["m", "two"], ["t"])], [value("t", [2, 5], kind)], weights=[constant("two", 5, dtype=dtype)]
    )
    other = graph_of([node("Cast", ["n"], ["e"], to=kind)], [value("e", [2, 5], kind)])
    nodes = [
        node("MatMul", ["x", "w"], ["m"]),
        node("ConstantOfShape", ["shape"], ["n"], value=helper.make_tensor("v", kind, [1], [2.0])),
        node("If", ["yes"], ["y"], then_branch=then, else_branch=other),
    ]
    weights = [
        constant("w", 4, 5, dtype=dtype),
        scalar("yes", True, np.bool_),
        numpy_helper.from_array(np.array([2, 5]), "shape"),
    ]
    model = model_of(nodes, [value("x", [2, 4], kind)], [value("y", [2, 5], kind)], weights)
    made = rewritten(model, rewrite, atol=2e-2 if kind == HALF else 1e-5)
    assert made.graph.input[0].type.tensor_type.elem_type == TensorProto.FLOAT
    assert made.graph.output[0].type.tensor_type.elem_type == TensorProto.FLOAT


def test_weights_that_are_only_stored_in_16_bit():
    nodes = [node("Cast", ["h"], ["w"], to=TensorProto.FLOAT), node("MatMul", ["x", "w"], ["y"])]
    model = model_of(nodes, [value("x", [2, 4])], [value("y", [2, 5])], [constant("h", 4, 5, dtype=np.float16)])
    made = rewritten(model, raise_half, atol=0)
    assert made.graph.initializer[0].data_type == TensorProto.FLOAT


def test_bfloat16():
    half = helper.make_tensor("h", TensorProto.BFLOAT16, [2], [1.5, -2.0])
    nodes = [node("Cast", ["h"], ["w"], to=TensorProto.FLOAT), node("Mul", ["x", "w"], ["y"])]
    made = rewritten(model_of(nodes, [value("x", [2])], [value("y", [2])], [half]), raise_half)
    assert numpy_helper.to_array(made.graph.initializer[0]).tolist() == [1.5, -2.0]


def test_the_most_negative_number_stays_finite():
    mask = numpy_helper.from_array(np.array([np.finfo(np.float64).min, -np.inf]), "m")
    model = model_of([node("Add", ["x", "m"], ["y"])], [value("x", [2], DOUBLE)], [value("y", [2], DOUBLE)], [mask])
    assert lower_double(model)
    assert numpy_helper.to_array(model.graph.initializer[0]).tolist() == [np.finfo(np.float32).min, -np.inf]


def test_a_step_in_64_bit_inside_a_model_of_32_stays():
    nodes = [node("Cast", ["x"], ["d"], to=DOUBLE), node("Cast", ["d"], ["y"], to=TensorProto.FLOAT)]
    assert unchanged(model_of(nodes, [value("x", [2])], [value("y", [2])]), lower_double)

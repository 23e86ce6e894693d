"""Gemm with alpha, beta and biases of every shape."""

import itertools

import numpy as np
import pytest
from onnx import numpy_helper

from core.onnx_model.graph import attributes
from core.onnx_model.normalize.gemm import plain_gemm
from rewritten import constant, model_of, node, operators, rewritten, unchanged, value

BIASES = {"row": (5,), "one": (1,), "scalar": (), "1xN": (1, 5), "1x1": (1, 1), "Mx1": (3, 1), "MxN": (3, 5)}


def gemm(bias=None, *, alpha=1.0, beta=1.0, trans_a=0, trans_b=0, constants="wb", opset=17):
    weights = [constant("w", *((5, 4) if trans_b else (4, 5)))] if "w" in constants else []
    inputs = [value("x", (4, 3) if trans_a else (3, 4))]
    inputs += [] if weights else [value("w", (5, 4) if trans_b else (4, 5))]
    if bias is not None and "b" in constants:
        weights.append(constant("b", *bias, seed=1))
    elif bias is not None:
        inputs.append(value("b", bias))
    names = ["x", "w", *(["b"] if bias is not None else [])]
    layer = node("Gemm", names, ["y"], alpha=alpha, beta=beta, transA=trans_a, transB=trans_b)
    return model_of([layer], inputs, [value("y", [3, 5])], weights, opset=opset)


def bias_shape(model):
    (layer,) = [each for each in model.graph.node if each.op_type == "Gemm"]
    assert not {"alpha", "beta"} & set(attributes(layer))
    shapes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    return shapes.get(layer.input[2]) if len(layer.input) > 2 else None


@pytest.mark.parametrize("name", BIASES)
@pytest.mark.parametrize("trans_b", [0, 1])
def test_alpha_and_beta_go_into_the_constants_and_the_bias_becomes_a_row(name, trans_b):
    for alpha, beta, trans_a in itertools.product((1.0, 0.5), (2.0, -0.5), (0, 1)):
        model = rewritten(gemm(BIASES[name], alpha=alpha, beta=beta, trans_a=trans_a, trans_b=trans_b), plain_gemm)
        is_row = name not in ("Mx1", "MxN")
        assert bias_shape(model) == ((5,) if is_row else None)
        assert operators(model) == (["Gemm"] if is_row else ["Gemm", "Add"])


def test_a_bias_with_equal_rows_becomes_one_row():
    model = gemm((3, 5))
    row = np.tile(np.arange(5, dtype=np.float32), (3, 1))
    model.graph.initializer[1].CopyFrom(numpy_helper.from_array(row, "b"))
    assert bias_shape(rewritten(model, plain_gemm)) == (5,)


@pytest.mark.parametrize(("constants", "operator"), [("w", "Mul"), ("b", "Gemm"), ("", "Mul")])
def test_what_is_computed_is_multiplied_in_the_graph(constants, operator):
    model = rewritten(gemm((5,), alpha=0.5, beta=2.0, constants=constants), plain_gemm)
    assert operator in operators(model)
    bias_shape(model)


def test_without_a_bias_beta_goes_and_a_beta_of_zero_takes_the_bias_with_it():
    assert bias_shape(rewritten(gemm(None, alpha=2.0, beta=0.5), plain_gemm)) is None
    assert bias_shape(rewritten(gemm((1, 5), beta=0.0), plain_gemm)) is None
    assert bias_shape(rewritten(gemm((1, 5), beta=0.0, opset=9), plain_gemm)) == (5,)


def test_a_weight_that_two_layers_share_keeps_its_value_for_the_other_one():
    layers = [node("Gemm", ["x", "w", "b"], ["y"], alpha=3.0), node("Gemm", ["x", "w", "b"], ["z"])]
    outputs = [value("y", [3, 5]), value("z", [3, 5])]
    rewritten(model_of(layers, [value("x", [3, 4])], outputs, [constant("w", 4, 5), constant("b", 5)]), plain_gemm)


def test_a_plain_gemm_is_left_alone():
    assert unchanged(gemm((5,), trans_b=1), plain_gemm)
    assert unchanged(gemm(None), plain_gemm)


def test_a_gemm_of_one_output_is_left_alone():
    layer = node("Gemm", ["x", "w", "b"], ["y"])
    weights = [constant("w", 4, 1), constant("b", 1)]
    model = model_of([layer], [value("x", [3, 4])], [value("y", [3, 1])], weights)
    assert unchanged(model, plain_gemm)

"""Activations and biases become a part of the layer before, and nothing else does."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

from core.onnx2ncnn.convert import convert_onnx
from core.runtimes.ncnn import NcnnPredictor
from core.runtimes.onnx import OnnxPredictor
from ncnn_small import onnx_model

RANDOM = np.random.default_rng(12)
SHAPE = (1, 4, 9, 8)


def weight(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


def converted(nodes, outputs=("y",), shape=SHAPE, **weights):
    model = onnx_model(
        nodes, [("x", TensorProto.FLOAT, shape)], [(name, TensorProto.FLOAT, None) for name in outputs], **weights
    )
    feeds = {"x": weight(*shape)}
    expected = OnnxPredictor(model, threads=1).run(feeds)
    made = convert_onnx(model, feeds)
    for name, tensor in NcnnPredictor(made, expected, threads=1).run(feeds).items():
        np.testing.assert_allclose(tensor, expected[name], atol=1e-4)
    return [layer.type for layer in made.param.layers]


def convolution(group=1):
    return helper.make_node("Conv", ["x", "w", "b"], ["c"], group=group, pads=[1] * 4)


@pytest.mark.parametrize("group", [1, 4])
@pytest.mark.parametrize(
    ("operator", "attributes"),
    [
        ("Relu", {}),
        ("LeakyRelu", {"alpha": 0.2}),
        ("Sigmoid", {}),
        ("HardSwish", {}),
        ("Clip", {}),
    ],
)
def test_an_activation_is_computed_with_the_convolution(operator, attributes, group):
    inputs = ["c", "low", "high"] if operator == "Clip" else ["c"]
    nodes = [convolution(group), helper.make_node(operator, inputs, ["y"], **attributes)]
    limits = {"low": np.float32(-0.5), "high": np.float32(0.5)} if operator == "Clip" else {}
    kinds = converted(nodes, w=weight(4, 4 // group, 3, 3), b=weight(4), **limits)
    assert kinds == ["Input", "Convolution" if group == 1 else "ConvolutionDepthWise"]


def test_what_other_layers_or_people_read_stays():
    relu = helper.make_node("Relu", ["c"], ["y"])
    weights = {"w": weight(4, 4, 3, 3), "b": weight(4)}
    assert "ReLU" in converted([convolution(), relu], ("y", "c"), **weights)
    both = helper.make_node("Add", ["c", "y"], ["z"])
    assert "ReLU" in converted([convolution(), relu, both], ("z",), **weights)


def test_only_the_first_of_two_activations_is_merged():
    nodes = [
        convolution(),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Sigmoid", ["r"], ["y"]),
    ]
    assert converted(nodes, w=weight(4, 4, 3, 3), b=weight(4)) == ["Input", "Convolution", "Sigmoid"]


@pytest.mark.parametrize("shape", [(1, 5, 6), (1, 6), (1, 3, 5, 6)])
def test_a_product_takes_up_its_bias_and_its_activation(shape):
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["m"]),
        helper.make_node("Add", ["b", "m"], ["a"]),
        helper.make_node("Relu", ["a"], ["y"]),
    ]
    kinds = converted(nodes, shape=shape, w=weight(6, 7), b=weight(7))
    assert kinds.count("InnerProduct") == 1 and not {"BinaryOp", "MemoryData", "ReLU"}.intersection(kinds)


def test_a_row_that_is_added_along_another_axis_is_no_bias():
    nodes = [helper.make_node("MatMul", ["x", "w"], ["m"]), helper.make_node("Add", ["m", "column"], ["y"])]
    assert "BinaryOp" in converted(nodes, shape=(1, 7, 6), w=weight(6, 7), column=weight(7, 1))

"""Products by the same matrix are computed at once, and the matrix is stored once."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

from core.ncnn.weights import write_weights
from core.onnx2ncnn.convert import convert_onnx
from core.runtimes.ncnn import NcnnPredictor
from core.runtimes.onnx import OnnxPredictor
from ncnn_small import onnx_model

STEPS, SIZE, STATE = 6, 40, 24
RANDOM = np.random.default_rng(8)
WEIGHTS = {
    "wi": RANDOM.standard_normal((STATE, SIZE)).astype(np.float32) / 6,
    "wh": RANDOM.standard_normal((STATE, STATE)).astype(np.float32) / 5,
    "b": RANDOM.standard_normal(STATE).astype(np.float32),
}


def unrolled(*, gemm):
    """A recurrent layer as exporters unroll it, with the same matrices at every step."""
    nodes, state = [], "h"
    weights = {**WEIGHTS, **{f"at{step}": np.array(step) for step in range(STEPS)}}
    if not gemm:
        weights |= {name: weights[name].T.copy() for name in ("wi", "wh")}
    for step in range(STEPS):
        nodes.append(helper.make_node("Gather", ["x", f"at{step}"], [f"x{step}"], axis=0))
        if gemm:
            nodes.append(helper.make_node("Gemm", [f"x{step}", "wi", "b"], [f"i{step}"], transB=1))
            nodes.append(helper.make_node("Gemm", [state, "wh"], [f"r{step}"], transB=1))
        else:
            nodes.append(helper.make_node("MatMul", [f"x{step}", "wi"], [f"i{step}"]))
            nodes.append(helper.make_node("MatMul", [state, "wh"], [f"r{step}"]))
        nodes.append(helper.make_node("Add", [f"i{step}", f"r{step}"], [f"s{step}"]))
        nodes.append(helper.make_node("Tanh", [f"s{step}"], [f"h{step}"]))
        state = f"h{step}"
    nodes.append(helper.make_node("Concat", [f"h{step}" for step in range(STEPS)], ["y"], axis=0))
    inputs = [("x", TensorProto.FLOAT, (STEPS, 1, SIZE)), ("h", TensorProto.FLOAT, (1, STATE))]
    return onnx_model(nodes, inputs, [("y", TensorProto.FLOAT, None)], **weights)


def agree(model, feeds):
    expected = OnnxPredictor(model, threads=1).run(feeds)
    made = convert_onnx(model, feeds)
    found = NcnnPredictor(made, expected, threads=1).run(feeds)
    for name, tensor in expected.items():
        np.testing.assert_allclose(found[name], tensor, atol=1e-4)
    return made


@pytest.mark.parametrize("gemm", [True, False])
def test_an_unrolled_recurrent_layer_multiplies_its_inputs_at_once(gemm):
    feeds = {
        "x": RANDOM.standard_normal((STEPS, 1, SIZE)).astype(np.float32),
        "h": RANDOM.standard_normal((1, STATE)).astype(np.float32),
    }
    made = agree(unrolled(gemm=gemm), feeds)
    kinds = [layer.type for layer in made.param.layers]
    assert kinds.count("InnerProduct") == 1 and kinds.count("MatMul") == STEPS
    floats = sum(WEIGHTS[name].size for name in (("wi", "wh", "b") if gemm else ("wi", "wh")))
    assert len(write_weights(made.weights)) <= 4 * floats + 16


def test_products_that_wait_for_each_other_are_not_merged_in_a_circle():
    """Merging both pairs would make each of them wait for the other one."""
    nodes = [
        helper.make_node("MatMul", ["a", "v"], ["va"]),
        helper.make_node("MatMul", ["va", "w"], ["y"]),
        helper.make_node("MatMul", ["b", "w"], ["wb"]),
        helper.make_node("MatMul", ["wb", "v"], ["z"]),
    ]
    weights = {name: RANDOM.standard_normal((24, 24)).astype(np.float32) for name in "vw"}
    inputs = [(name, TensorProto.FLOAT, (3, 24)) for name in "ab"]
    model = onnx_model(nodes, inputs, [(name, TensorProto.FLOAT, None) for name in "yz"], **weights)
    agree(model, {name: RANDOM.standard_normal((3, 24)).astype(np.float32) for name in "ab"})


def siamese(second_size):
    """Two branches with the same convolutions."""
    nodes = []
    for branch in "ab":
        nodes.append(helper.make_node("Conv", [branch, "w1", "bias"], [f"{branch}1"], pads=[1] * 4, strides=[2, 2]))
        nodes.append(helper.make_node("Relu", [f"{branch}1"], [f"{branch}r"]))
        nodes.append(helper.make_node("Conv", [f"{branch}r", "w2"], [f"{branch}2"]))
        nodes.append(helper.make_node("GlobalAveragePool", [f"{branch}2"], [f"{branch}p"]))
    nodes.append(helper.make_node("Sub", ["ap", "bp"], ["y"]))
    weights = {
        "w1": RANDOM.standard_normal((16, 3, 3, 3)).astype(np.float32),
        "bias": RANDOM.standard_normal(16).astype(np.float32),
        "w2": RANDOM.standard_normal((8, 16, 3, 3)).astype(np.float32),
    }
    sizes = {"a": (1, 3, 12, 14), "b": (1, 3, *second_size)}
    inputs = [(name, TensorProto.FLOAT, shape) for name, shape in sizes.items()]
    feeds = {name: RANDOM.standard_normal(shape).astype(np.float32) for name, shape in sizes.items()}
    return onnx_model(nodes, inputs, [("y", TensorProto.FLOAT, None)], **weights), feeds, weights


@pytest.mark.parametrize("second_size", [(12, 14), (20, 10)])
def test_branches_with_the_same_convolutions_store_them_once(second_size):
    model, feeds, weights = siamese(second_size)
    made = agree(model, feeds)
    count = [layer.type for layer in made.param.layers].count("Convolution")
    assert count == (2 if second_size == (12, 14) else 4)
    assert len(write_weights(made.weights)) <= 4 * sum(each.size for each in weights.values()) + 32

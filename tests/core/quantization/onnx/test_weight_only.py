"""Weights stored in 8 bit and computed in float."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.quantization.onnx.weight_only import quantize_per_channel, store_weights_as_int8
from core.runtimes.onnx import OnnxPredictor
from small import conv_net, save

RANDOM = np.random.default_rng(5)


def test_weights_inside_branches_are_stored_too(tmp_path):
    weight = RANDOM.standard_normal((32, 16, 3)).astype(np.float32)
    branches = {
        side: helper.make_graph(
            [helper.make_node("Conv", ["x", "w"], [side])],
            side,
            [],
            [helper.make_tensor_value_info(side, TensorProto.FLOAT, [1, 32, 6])],
            [numpy_helper.from_array(sign * weight, "w")],
        )
        for side, sign in (("then", 1), ("else", -1))
    }
    path = save(
        [
            helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
            helper.make_node("Less", ["sum", "zero"], ["negative"]),
            helper.make_node("If", ["negative"], ["y"], then_branch=branches["then"], else_branch=branches["else"]),
        ],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 16, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 32, 6])],
        [numpy_helper.from_array(np.float32(0), "zero")],
        tmp_path / "branches.onnx",
    )
    model = onnx.load(str(path))
    assert store_weights_as_int8(model) == 2 and model.ByteSize() < 0.5 * path.stat().st_size
    for sign in (1, -1):
        feeds = {"x": sign * RANDOM.standard_normal((1, 16, 8)).astype(np.float32)}
        expected, outputs = OnnxPredictor(path).run(feeds)["y"], OnnxPredictor(model).run(feeds)["y"]
        assert np.abs(outputs - expected).max() < 0.03 * np.abs(expected).max()


@pytest.mark.parametrize("axis", [0, 1])
def test_each_channel_has_a_scale_with_which_its_abs_max_is_127(axis):
    weights = RANDOM.standard_normal((4, 6, 3)).astype(np.float32)
    integers, scales = quantize_per_channel(weights, axis=axis)
    others = tuple(other for other in range(3) if other != axis)
    assert (np.abs(integers).max(axis=others) == 127).all()
    assert np.abs(integers * scales - weights).max() <= 0.5 * scales.max() * 1.001


def test_a_channel_of_zeros_stays_one():
    integers, scales = quantize_per_channel(np.zeros((2, 3), np.float32), axis=0)
    assert not integers.any() and (scales == 1).all()


def test_the_smallest_tensors_are_stored_in_16_bit_within_their_share(tmp_path):
    model = onnx.load(str(conv_net(tmp_path / "net.onnx", classes=200)))
    assert store_weights_as_int8(model, share=0.0) == 3
    model = onnx.load(str(conv_net(tmp_path / "net.onnx", classes=200)))
    assert store_weights_as_int8(model, share=0.04) == 1
    kinds = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    assert kinds["w3_int8"] == TensorProto.INT8
    assert kinds["w1_half"] == kinds["w2_half"] == TensorProto.FLOAT16 and not {"w1", "w2"} & set(kinds)


def test_a_handful_of_numbers_and_those_beyond_16_bit_stay_as_they_are():
    few, large = np.ones((3, 3, 1, 1), np.float32), np.full((64, 8, 1, 1), 1e6, np.float32)
    weights = [numpy_helper.from_array(values, name) for name, values in (("few", few), ("large", large))]
    nodes = [helper.make_node("Conv", ["x", "few"], ["y"]), helper.make_node("Conv", ["a", "large"], ["b"])]
    model = helper.make_model(helper.make_graph(nodes, "g", [], [], weights))
    assert store_weights_as_int8(model, share=1.0) == 0
    assert {tensor.name for tensor in model.graph.initializer} == {"few", "large"}

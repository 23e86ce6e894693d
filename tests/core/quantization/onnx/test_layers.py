"""Layers found in a model, their weights as matrices, and biases of their own."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.quantization.onnx.layers import QuantizableLayer, add_biases, find_layers, name_nodes
from core.runtimes.onnx import OnnxPredictor
from small import save

SHAPE = [1, 3, 4, 4]


def model(nodes, weights, path):
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, SHAPE)]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, SHAPE)]
    return onnx.load(str(save(nodes, inputs, outputs, weights, path)))


def weight(name):
    return numpy_helper.from_array(np.ones((3, 3, 1, 1), np.float32), name)


def test_weights_that_two_layers_share_belong_to_none(tmp_path):
    nodes = [
        helper.make_node("Conv", ["x", "v"], ["a"], "own"),
        helper.make_node("Conv", ["a", "w"], ["b"], "one"),
        helper.make_node("Conv", ["b", "w"], ["y"], "two"),
    ]
    found = find_layers(model(nodes, [weight("v"), weight("w")], tmp_path / "net.onnx"))
    assert [layer.node for layer in found] == ["own"]


def test_a_wide_layer_is_split_into_equal_blocks_of_at_most_256_columns():
    wide = numpy_helper.from_array(np.ones((2, 60, 3, 3), np.float32), "w")
    graph = helper.make_graph([helper.make_node("Conv", ["x", "w"], ["y"], "conv")], "g", [], [], [wide])
    (layer,) = find_layers(helper.make_model(graph))
    assert layer.blocks == 3  # 180 columns each; in two blocks there would be 270
    assert layer.to_blocks(numpy_helper.to_array(wide)).shape == (3, 2, 180)


@pytest.mark.parametrize(
    ("shape", "transposed"), [((6, 5, 3, 3), False), ((10, 7), False), ((7, 10), True), ((5, 3, 4), False)]
)
def test_weights_are_summed_channel_by_channel_at_each_position_of_the_kernel(shape, transposed):
    layer = QuantizableLayer("node", "weights", shape, 1, 1, transposed)
    weights = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    products = layer.in_accumulation_order(weights)
    np.testing.assert_array_equal(layer.from_accumulation_order(products), weights)
    if len(shape) > 2:
        np.testing.assert_array_equal(products[0, : shape[1]], weights[0].reshape(shape[1], -1)[:, 0])


def test_every_node_gets_a_unique_name_and_every_convolution_a_bias(tmp_path):
    nodes = [helper.make_node("Conv", ["x", "v"], ["a"], "same"), helper.make_node("Conv", ["a", "w"], ["y"], "same")]
    named = model(nodes, [weight("v"), weight("w")], tmp_path / "net.onnx")
    name_nodes(named)
    add_biases(named)
    assert len({node.name for node in named.graph.node}) == 2
    assert all(len(node.input) == 3 for node in named.graph.node)
    OnnxPredictor(named, threads=1)


def test_layers_that_share_a_bias_get_one_each(tmp_path):
    shared = numpy_helper.from_array(np.ones(3, np.float32), "b")
    nodes = [
        helper.make_node("Conv", ["x", "v", "b"], ["a"], "one"),
        helper.make_node("Conv", ["a", "w", "b"], ["y"], "two"),
    ]
    biased = model(nodes, [shared, weight("v"), weight("w")], tmp_path / "net.onnx")
    sample = {"x": np.ones(SHAPE, np.float32)}
    before = OnnxPredictor(biased, threads=1).run(sample)
    add_biases(biased)
    one, two = biased.graph.node
    assert one.input[2] != two.input[2]
    np.testing.assert_array_equal(OnnxPredictor(biased, threads=1).run(sample)["y"], before["y"])

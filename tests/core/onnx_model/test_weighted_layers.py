"""Which nodes count as layers, and in which tensors their results are seen."""

import numpy as np
import onnx
from onnx import TensorProto, helper

from core.onnx_model.weighted_layers import weighted_layers
from ncnn_small import conv_then, onnx_model
from small import conv_net

node = helper.make_node
ONE = np.float32(1)


def tensors(*nodes, **weights):
    """Of a convolution from ``x`` to ``c``, followed by these nodes."""
    (layer,) = weighted_layers(conv_then(*nodes, **weights))
    return layer.tensors


def test_each_layer_with_weights_is_listed_in_the_order_of_the_graph(tmp_path):
    layers = weighted_layers(onnx.load(str(conv_net(tmp_path / "net.onnx"))))
    assert [(layer.name, layer.operator, layer.weights) for layer in layers] == [
        ("conv1", "Conv", 16 * 27),
        ("conv2", "Conv", 16 * 9),
        ("conv3", "Conv", 64 * 16),
        ("fc", "Gemm", 5 * 64),
    ]
    assert layers[0].tensors == ("c1", "r1") and layers[3].tensors == ("scores",)


def test_a_product_of_two_computed_tensors_is_no_layer():
    (layer,) = weighted_layers(conv_then(node("MatMul", ["c", "c"], ["y"])))
    assert layer.operator == "Conv"


def test_a_layer_without_a_name_of_its_own_is_called_by_its_output():
    w = np.ones((3, 3), np.float32)
    nodes = [node("MatMul", ["x", "w"], ["a"], "same"), node("MatMul", ["a", "w"], ["b"], "same")]
    nodes.append(node("MatMul", ["b", "w"], ["y"]))
    values = [("x", TensorProto.FLOAT, [1, 3])], [("y", TensorProto.FLOAT, [1, 3])]
    assert [layer.name for layer in weighted_layers(onnx_model(nodes, *values, w=w))] == ["a", "b", "y"]


def test_a_bias_and_an_activation_replace_the_output():
    found = tensors(
        node("Add", ["c", "b"], ["a"]),
        node("Relu", ["a"], ["r"]),
        node("MaxPool", ["r"], ["y"], kernel_shape=[2, 2]),
        b=ONE,
    )
    assert found == ("c", "a", "r")


def test_an_activation_of_several_nodes_is_one_step():
    """x * sigmoid(x): neither the sigmoid nor the convolution's own output is what the next layer reads."""
    assert tensors(node("Sigmoid", ["c"], ["s"]), node("Mul", ["c", "s"], ["y"])) == ("c", "y")


def test_scaling_behind_an_activation_belongs_to_it_but_an_offset_does_not():
    """Offsets of a grid would hide the error of what a detector adds to them."""
    found = tensors(
        node("Sigmoid", ["c"], ["s"]), node("Mul", ["s", "two"], ["m"]), node("Add", ["m", "two"], ["y"]), two=2 * ONE
    )
    assert found == ("c", "s", "m")


def test_a_sum_with_another_branch_is_another_tensor():
    found = tensors(node("Relu", ["c"], ["r"]), node("Add", ["r", "c"], ["a"]), node("Add", ["a", "x"], ["y"]))
    assert found == ("c", "a")


def test_a_tensor_that_other_layers_read_too_is_not_replaced():
    pool = node("GlobalAveragePool", ["c"], ["p"])
    assert tensors(node("Relu", ["c"], ["r"]), pool, node("Add", ["r", "p"], ["y"])) == ("c",)

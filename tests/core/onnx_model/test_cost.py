import numpy as np
from onnx import TensorProto, helper, numpy_helper

from core.onnx_model.cost import cost_of
from small import conv_net, save


def test_macs_and_activations_are_counted(tmp_path):
    cost = cost_of(conv_net(tmp_path / "net.onnx"))
    sides = 16 * 16
    assert cost.macs == sides * (16 * 27 + 16 * 9 + 64 * 16) + 5 * 64
    assert cost.activations == sides * 2 * (16 + 16 + 64) + 64 + 64 + 5


def test_free_sizes_are_those_of_the_images(tmp_path):
    path = conv_net(tmp_path / "net.onnx", size="side")
    small, large = (cost_of(path, (side, side)) for side in (64, 128))
    assert 3.9 < large.macs / small.macs < 4.0


def test_sizes_that_the_graph_computes_are_followed(tmp_path):
    """As exporters write a Flatten of any batch: Shape, Gather, Concat, Reshape."""
    weights = [
        numpy_helper.from_array(np.int64(0), "first"),
        numpy_helper.from_array(np.array([0]), "axis"),
        numpy_helper.from_array(np.array([-1]), "rest"),
        numpy_helper.from_array(np.ones((48, 7), np.float32), "w"),
    ]
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Gather", ["shape", "first"], ["batch"]),
        helper.make_node("Unsqueeze", ["batch", "axis"], ["batches"]),
        helper.make_node("Concat", ["batches", "rest"], ["rows"], axis=0),
        helper.make_node("Reshape", ["x", "rows"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["y"]),
    ]
    path = save(
        nodes,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 4, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 7])],
        weights,
        tmp_path / "m.onnx",
    )
    assert cost_of(path).macs == 48 * 7

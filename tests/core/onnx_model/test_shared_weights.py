import numpy as np
from onnx import TensorProto, helper

from core.onnx_model.shared_weights import repeated_bytes
from ncnn_small import onnx_model


def test_weights_count_once_for_each_further_node_that_uses_them():
    nodes = [helper.make_node("MatMul", [name, "w"], [f"{name}w"]) for name in "abc"]
    nodes.append(helper.make_node("Add", ["aw", "v"], ["y"]))
    inputs = [(name, TensorProto.FLOAT, (1, 4)) for name in "abc"]
    weights = {"w": np.zeros((4, 4), np.float32), "v": np.zeros(4, np.float32), "unused": np.zeros(9, np.float32)}
    assert repeated_bytes(onnx_model(nodes, inputs, [("y", TensorProto.FLOAT, None)], **weights)) == 2 * 4 * 16

"""Excluded layers stay in float, also when onnxruntime loads the file."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.quantization.onnx.excluded_nodes import prevent_weight_quantization, with_following_activations
from core.runtimes.onnx import OnnxPredictor
from small import save

SHAPE = [1, 3, 8, 8]


def two_convolutions(path):
    """The first reads a dequantised tensor, the second does not."""
    random = np.random.default_rng(1)
    constants = [numpy_helper.from_array(np.float32(0.1), "s"), numpy_helper.from_array(np.uint8(128), "z")]
    for name in ("v", "w"):
        constants.append(numpy_helper.from_array(random.standard_normal((3, 3, 1, 1)).astype(np.float32), name))
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"], "q"),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"], "dq"),
        helper.make_node("Conv", ["d", "v"], ["a"], "first"),
        helper.make_node("Relu", ["a"], ["b"], "relu"),
        helper.make_node("Conv", ["b", "w"], ["y"], "second"),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, SHAPE)]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, SHAPE)]
    return onnx.load(str(save(nodes, inputs, outputs, constants, path)))


def test_the_activation_after_an_excluded_layer_is_excluded_too(tmp_path):
    model = two_convolutions(tmp_path / "net.onnx")
    assert with_following_activations(model, ["first"]) == ["first", "relu"]
    assert with_following_activations(model, ["second"]) == ["second"]


def test_a_clip_is_inserted_where_an_excluded_layer_reads_a_dequantised_tensor(tmp_path):
    model = two_convolutions(tmp_path / "net.onnx")
    sample = {"x": np.random.default_rng(2).standard_normal(SHAPE).astype(np.float32)}
    before = OnnxPredictor(model, threads=1).run(sample)["y"]
    assert prevent_weight_quantization(model, ["first", "second"]) == 1
    onnx.checker.check_model(model)
    assert [node.op_type for node in model.graph.node].count("Clip") == 1
    assert OnnxPredictor(model, threads=1).run(sample)["y"] == pytest.approx(before, abs=1e-6)

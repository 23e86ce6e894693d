"""Layers that 8 bit does not suit are found, left in float, and stay in float when onnxruntime loads the file."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.job.comparison import OutputDifference
from core.metrics.similarity import ModelSimilarity
from core.quantization.onnx.calibration import collect_statistics
from core.quantization.onnx.excluded_nodes import prevent_requantization, with_following_activations
from core.quantization.onnx.layers import add_biases, name_nodes
from core.quantization.onnx.sensitivity import noise_ratio, select_nodes_to_exclude
from core.quantization.onnx.static import quantize_static
from core.runtimes.onnx import OnnxPredictor
from small import save

OPERATORS = ("Conv", "Relu")


def chain(path, *, loud=1.0):
    """Three convolutions; one channel of the depthwise one in the middle is ``loud`` times the others."""
    random = np.random.default_rng(5)

    def weight(name, *shape):
        return numpy_helper.from_array((random.standard_normal(shape) / np.sqrt(shape[1] * 2)).astype(np.float32), name)

    first, middle, last = weight("w1", 16, 3, 3, 3), weight("w2", 16, 1, 3, 3), weight("w3", 64, 16, 1, 1)
    scale = np.ones((16, 1, 1, 1), np.float32)
    scale[0] = loud
    middle = numpy_helper.from_array(numpy_helper.to_array(middle) * scale, "w2")
    last = numpy_helper.from_array(numpy_helper.to_array(last) / scale.reshape(1, 16, 1, 1), "w3")
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["a"], "first", pads=[1] * 4),
        helper.make_node("Relu", ["a"], ["b"], "relu"),
        helper.make_node("Conv", ["b", "w2"], ["c"], "middle", pads=[1] * 4, group=16),
        helper.make_node("Relu", ["c"], ["d"], "relu2"),
        helper.make_node("Conv", ["d", "w3"], ["e"], "last"),
        helper.make_node("Sigmoid", ["e"], ["y"], "squash"),
    ]
    shape = [1, 3, 16, 16]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 64, 16, 16])]
    model = onnx.load(str(save(nodes, inputs, outputs, [first, middle, last], path)))
    name_nodes(model)
    add_biases(model)
    return model


def samples(seed=0, count=6):
    random = np.random.default_rng(seed)
    return [{"x": random.standard_normal((1, 3, 16, 16)).astype(np.float32)} for _ in range(count)]


def static(model):
    return quantize_static(model, collect_statistics(model, samples(), operators=OPERATORS, count=6))


def test_a_model_that_8_bit_suits_keeps_no_layer_in_float(tmp_path):
    quantized, spared = static(chain(tmp_path / "net.onnx"))
    assert spared == 0
    assert "Clip" not in {node.op_type for node in quantized.graph.node}


def test_layers_that_break_the_answers_stay_in_float(tmp_path, monkeypatch):
    monkeypatch.setattr("core.quantization.onnx.sensitivity._ROOMS", (0.8,))
    model = chain(tmp_path / "net.onnx", loud=300.0)
    mixed, spared = static(model)
    monkeypatch.setattr("core.quantization.onnx.static.select_nodes_to_exclude", lambda *_: [])
    whole, _ = static(model)
    assert spared == 2  # the loud channel goes out of one and into the other

    def strays(other):
        source, changed = OnnxPredictor(model, threads=1), OnnxPredictor(other, threads=1)
        similarity = ModelSimilarity(source.outputs)
        for sample in samples(9):
            similarity.update(source.run(sample), changed.run(sample))
        return noise_ratio(similarity.compute()[0])

    assert strays(mixed) < 0.5 * strays(whole)


def test_relu_after_a_spared_layer_is_spared_too(tmp_path):
    assert with_following_activations(chain(tmp_path / "net.onnx"), ["middle"]) == ["middle", "relu2"]


def test_a_guard_stands_where_a_rounded_tensor_comes_in(tmp_path):
    model = chain(tmp_path / "net.onnx")
    scale, zero = numpy_helper.from_array(np.float32(0.1), "s"), numpy_helper.from_array(np.uint8(0), "z")
    model.graph.initializer.extend([scale, zero])
    model.graph.node.insert(0, helper.make_node("DequantizeLinear", ["q", "s", "z"], ["x2"], "dq"))
    model.graph.node.insert(0, helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"], "q"))
    model.graph.node[2].input[0] = "x2"
    before = OnnxPredictor(model, threads=1).run(samples()[0])["y"]
    assert prevent_requantization(model, ["first", "middle"]) == 1
    onnx.checker.check_model(model)
    assert OnnxPredictor(model, threads=1).run(samples()[0])["y"] == pytest.approx(before, abs=1e-6)


def test_nothing_is_tried_where_no_layer_was_rounded(tmp_path):
    model = chain(tmp_path / "net.onnx")
    assert select_nodes_to_exclude(model, {}, {}, samples()) == []
    assert select_nodes_to_exclude(model, {}, {}, []) == []


def test_a_sample_that_finds_nothing_does_not_decide(tmp_path):
    """Its answers have next to no power, so that any difference is a thousand times as much."""
    similarity = ModelSimilarity(["y"])
    found, nothing = np.ones((1, 8), np.float32), np.full((1, 8), 1e-6, np.float32)
    similarity.update({"y": found}, {"y": found * 1.01})
    similarity.update({"y": nothing}, {"y": nothing * 50})
    assert noise_ratio(similarity.compute()[0]) == pytest.approx(1e-4, rel=0.01)


def test_scores_that_stray_are_noise_though_boxes_drown_them():
    scores = OutputDifference("y", 0.9, sqnr_db=7.0, largest=0.5)
    assert noise_ratio(OutputDifference("y", 0.9999, 40.0, 2.0, scores=scores)) == pytest.approx(10**-0.7)


def test_answers_that_are_no_numbers_are_the_greatest_noise():
    similarity = ModelSimilarity(["y"])
    similarity.update({"y": np.ones((1, 8), np.float32)}, {"y": np.full((1, 8), np.nan, np.float32)})
    assert noise_ratio(similarity.compute()[0]) == np.inf

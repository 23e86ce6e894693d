"""Nodes that stay in float because onnxruntime's quantizer would get them wrong."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.metrics.similarity import ModelSimilarity
from core.quantization.onnx.calibration import collect_statistics
from core.quantization.onnx.ineligible_nodes import ineligible_nodes
from core.quantization.onnx.layers import add_biases, name_nodes
from core.quantization.onnx.static import QUANTIZED_OPERATORS, quantize_static
from core.runtimes.onnx import OnnxPredictor
from rewritten import constant, graph_of, model_of, node, value
from small import save

SHAPE = [1, 4, 6, 6]


def samples(count=4):
    random = np.random.default_rng(2)
    return [{"x": random.standard_normal(SHAPE).astype(np.float32)} for _ in range(count)]


def prepared(nodes, outputs, path, dtype=np.float32):
    random = np.random.default_rng(1)
    weights = [numpy_helper.from_array(random.standard_normal((4, 4, 1, 1)).astype(dtype), name) for name in ("v", "w")]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, SHAPE)]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, SHAPE) for name in outputs]
    model = onnx.load(str(save(nodes, inputs, values, weights, path)))
    name_nodes(model)
    add_biases(model)
    return model


def differences(model):
    statistics = collect_statistics(model, samples(), operators=QUANTIZED_OPERATORS, count=4)
    quantized = quantize_static(model, statistics).model
    similarity = ModelSimilarity([value.name for value in model.graph.output])
    source, made = OnnxPredictor(model, threads=1), OnnxPredictor(quantized, threads=1)
    for sample in samples():
        similarity.update(source.run(sample), made.run(sample))
    return similarity.compute()


def test_an_output_that_an_activation_reads_too_is_not_clipped(tmp_path):
    nodes = [
        helper.make_node("Conv", ["x", "v"], ["middle"], "conv"),
        helper.make_node("Relu", ["middle"], ["a"], "relu"),
        helper.make_node("Conv", ["a", "w"], ["y"], "last"),
    ]
    model = prepared(nodes, ["middle", "y"], tmp_path / "net.onnx")
    assert ineligible_nodes(model, QUANTIZED_OPERATORS, ["x", "middle", "a", "y"]) == ["relu"]
    assert min(difference.cosine for difference in differences(model)) > 0.999


def test_layers_in_fp16_stay_as_they_are(tmp_path):
    nodes = [
        helper.make_node("Cast", ["x"], ["x16"], "in", to=TensorProto.FLOAT16),
        helper.make_node("Conv", ["x16", "v"], ["y16"], "half"),
        helper.make_node("Cast", ["y16"], ["y"], "out", to=TensorProto.FLOAT),
    ]
    model = prepared(nodes, ["y"], tmp_path / "net.onnx", dtype=np.float16)
    model.graph.node[1].input[:] = ["x16", "v"]
    assert ineligible_nodes(model, QUANTIZED_OPERATORS, ["x"]) == ["half"]


def test_an_input_that_is_also_an_output_stays_one(tmp_path):
    nodes = [helper.make_node("Conv", ["x", "v"], ["y"], "conv")]
    model = prepared(nodes, ["y", "x"], tmp_path / "net.onnx")
    output, copy = differences(model)
    assert output.cosine > 0.999
    assert copy.cosine == pytest.approx(1.0) and copy.largest == 0


def test_an_activation_that_a_branch_reads_stays_in_float():
    branch = graph_of([node("Identity", ["r"], ["b"])], [value("b", [1, 4])])
    nodes = [
        node("MatMul", ["x", "w"], ["m"]),
        node("Relu", ["m"], ["r"]),
        node("If", ["flag"], ["y"], then_branch=branch, else_branch=branch),
    ]
    for each in nodes:
        each.name = each.op_type
    inputs = [value("x", [1, 4]), value("flag", [], onnx.TensorProto.BOOL)]
    model = model_of(nodes, inputs, [value("y", [1, 4])], [constant("w", 4, 4)])
    assert ineligible_nodes(model, ["MatMul", "Relu"], {"x", "m", "r"}) == ["Relu"]

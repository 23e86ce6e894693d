"""What the calibration sees of a layer's inputs, against the layer's own answers."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.quantization.onnx.calibration import collect_statistics
from core.quantization.onnx.layers import add_biases, find_layers, name_nodes
from core.runtimes.onnx import OnnxPredictor
from small import save


def one_layer(path, operator, shape, weights, **given):
    nodes = [helper.make_node(operator, ["x", "w"], ["y"], "layer", **given)]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * len(shape))]
    return onnx.load(str(save(nodes, inputs, outputs, [numpy_helper.from_array(weights, "w")], path)))


CASES = {
    "pointwise": ("Conv", (1, 6, 8, 8), (5, 6, 1, 1), {}),
    "dense": ("Conv", (1, 3, 9, 7), (4, 3, 3, 3), {"pads": [1] * 4}),
    "depthwise, two steps": ("Conv", (1, 4, 8, 8), (4, 1, 5, 5), {"pads": [2] * 4, "group": 4, "strides": [2, 2]}),
    "grouped, dilated": ("Conv", (1, 4, 9, 9), (6, 2, 3, 3), {"group": 2, "dilations": [2, 2]}),
    "line": ("Conv", (1, 4, 12), (3, 4, 3), {"pads": [0, 2]}),
    "gemm": ("Gemm", (1, 7), (7, 3), {}),
    "gemm, transposed": ("Gemm", (1, 7), (3, 7), {"transB": 1}),
    "matmul": ("MatMul", (1, 5, 7), (7, 3), {}),
}


@pytest.mark.parametrize("case", CASES)
def test_patches_times_weights_are_the_answers(case, tmp_path, monkeypatch):
    """So the means and products are of the right columns, in the order of the weights."""
    monkeypatch.setattr("core.quantization.onnx.patches._PATCHES", 100)
    monkeypatch.setattr("core.quantization.onnx.layers._MOST_COLUMNS", 12)
    operator, shape, kernel, given = CASES[case]
    random = np.random.default_rng(3)
    weights = random.standard_normal(kernel).astype(np.float32)
    model = one_layer(tmp_path / "net.onnx", operator, list(shape), weights, **given)
    samples = [{"x": random.standard_normal(shape).astype(np.float32)} for _ in range(2)]
    (layer,) = find_layers(model)
    moments = collect_statistics(model, samples, operators=[operator], count=2).moments[layer]
    blocks = layer.to_blocks(weights)
    mean = np.einsum("boc,bc->bo", blocks, moments.means)
    mean = mean.reshape(-1) if layer.groups > 1 else mean.sum(axis=0)
    answers = np.stack([OnnxPredictor(model, threads=1).run(sample)["y"] for sample in samples])
    channel = 2 if operator == "Conv" else answers.ndim - 1
    others = tuple(axis for axis in range(answers.ndim) if axis != channel)
    assert mean == pytest.approx(answers.mean(axis=others), abs=1e-4)
    assert np.array_equal(layer.from_blocks(blocks), weights)


def test_ranges_are_of_all_values_and_histograms_of_some(tmp_path):
    weights = np.eye(4, dtype=np.float32).reshape(4, 4, 1, 1)
    model = one_layer(tmp_path / "net.onnx", "Conv", [1, 4, 64, 64], weights)
    samples = [{"x": np.random.default_rng(seed).standard_normal((1, 4, 64, 64)).astype(np.float32)} for seed in (1, 2)]
    measured = collect_statistics(model, samples, operators=["Conv"], count=2)
    values = np.stack([sample["x"] for sample in samples])
    assert measured.ranges["x"] == (values.min(), values.max())
    assert 2000 < measured.histograms["y"].total < 10_000


def test_what_is_kept_does_not_grow_with_the_samples(tmp_path):
    weights = np.ones((4, 4, 1, 1), np.float32)
    model = one_layer(tmp_path / "net.onnx", "Conv", [1, 4, 32, 32], weights)

    def kept(count):
        samples = ({"x": np.full((1, 4, 32, 32), number, np.float32)} for number in range(count))
        measured = collect_statistics(model, samples, operators=["Conv"], count=count)
        histograms = sum(histogram.counts.nbytes for histogram in measured.histograms.values())
        return histograms + sum(moments.products.nbytes for moments in measured.moments.values())

    assert kept(3) == kept(60)


def test_every_node_gets_a_name_and_every_convolution_a_bias(tmp_path):
    model = one_layer(tmp_path / "net.onnx", "Conv", [1, 2, 4, 4], np.ones((3, 2, 1, 1), np.float32))
    model.graph.node[0].name = ""
    name_nodes(model)
    add_biases(model)
    (node,) = model.graph.node
    assert node.name and len(node.input) == 3
    OnnxPredictor(model, threads=1)


def test_layers_that_share_a_bias_get_one_each(tmp_path):
    shared = numpy_helper.from_array(np.ones(3, np.float32), "b")
    weights = [numpy_helper.from_array(np.ones((3, 3, 1, 1), np.float32), name) for name in ("w1", "w2")]
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b"], ["a"], "one"),
        helper.make_node("Conv", ["a", "w2", "b"], ["y"], "two"),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 4, 4])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, 4, 4])]
    model = onnx.load(str(save(nodes, inputs, outputs, [shared, *weights], tmp_path / "net.onnx")))
    before = OnnxPredictor(model, threads=1).run({"x": np.ones((1, 3, 4, 4), np.float32)})
    add_biases(model)
    one, two = model.graph.node
    assert one.input[2] != two.input[2]
    np.testing.assert_array_equal(
        OnnxPredictor(model, threads=1).run({"x": np.ones((1, 3, 4, 4), np.float32)})["y"], before["y"]
    )

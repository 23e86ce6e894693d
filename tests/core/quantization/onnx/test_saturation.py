"""Weights whose 16-bit sums never saturate on processors without VNNI, whatever the inputs."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.metrics.similarity import ModelSimilarity
from core.quantization.onnx.calibration import collect_statistics
from core.quantization.onnx.layers import QuantizableLayer, add_biases, name_nodes
from core.quantization.onnx.saturation import choose_wider_scales, weight_bounds
from core.quantization.onnx.static import QUANTIZED_OPERATORS, quantize_static
from core.runtimes.onnx import OnnxPredictor
from small import save


def layer(shape, *, groups=1, transposed=False):
    return QuantizableLayer("node", "weights", shape, groups, 1, transposed)


def overflow(products):
    """By how much the sum of two neighbouring products exceeds int16, at most; none at 0 or below."""
    paired = products[:, : products.shape[1] // 2 * 2].astype(np.int64).reshape(len(products), -1, 2)
    high = 255 * np.maximum(paired, 0).sum(axis=2).max() - 32767
    low = -32768 - 255 * np.minimum(paired, 0).sum(axis=2).min()
    return max(high, low)


LAYERS = [
    layer((6, 5, 3, 3)),
    layer((8, 4, 1, 1), groups=2),
    layer((10, 7)),
    layer((7, 10), transposed=True),
    layer((5, 3, 4)),
]


@pytest.mark.parametrize("one", LAYERS, ids=lambda one: str(one.shape))
def test_no_weights_within_the_bounds_saturate_and_the_bounds_are_no_tighter_than_need_be(one):
    ratios = np.random.default_rng(0).uniform(-127, 127, one.shape).astype(np.float32)
    bounds = weight_bounds(one, ratios)
    both = (one.in_accumulation_order(bounds.lower), one.in_accumulation_order(bounds.upper))
    assert max(map(overflow, both)) <= 0
    assert (bounds.lower <= 0).all() and (bounds.upper >= 0).all()
    paired = both[1][:, : both[1].shape[1] // 2 * 2].reshape(len(both[1]), -1, 2)
    assert (paired.sum(axis=2) >= 127).all()
    small = np.abs(ratios) <= 63
    kept = (ratios <= bounds.upper) & (ratios >= bounds.lower)
    assert kept[small].mean() > 0.7


def test_depthwise_convolutions_have_no_bounds():
    one = layer((8, 1, 3, 3), groups=8)
    bounds = weight_bounds(one, np.full(one.shape, 127, np.float32))
    assert (bounds.upper == 127).all() and (bounds.lower == -127).all()
    scales = np.ones(8, np.float32)
    assert (choose_wider_scales(one, np.full(one.shape, 127.0), scales, np.ones(one.shape)) == 1).all()


def test_scales_get_wider_only_where_neighbours_are_large():
    one = layer((2, 64, 1, 1))
    weights = np.full(one.shape, 10.0, np.float32)
    weights[0] = 127.0
    weights[1, 5] = 127.0
    wider = choose_wider_scales(one, weights, np.ones(2, np.float32), np.ones(one.shape))
    assert wider[0] > 1.9
    assert wider[1] < 1.2


def heavy(path, *, kernel=1):
    """Layers whose neighbouring weights are all large, with which other files saturate."""
    random = np.random.default_rng(3)
    signs = random.choice([-1.0, 1.0], (24, 8, 1, 1)).astype(np.float32)
    conv = np.repeat(np.repeat(signs, kernel, 2), kernel, 3) * random.uniform(0.8, 1.0, (24, 8, kernel, kernel))
    dense = random.choice([-1.0, 1.0], (24, 30)) * random.uniform(0.8, 1.0, (24, 30))
    constants = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in (("w", conv), ("d", dense))]
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], "conv"),
        helper.make_node("Relu", ["a"], ["b"], "relu"),
        helper.make_node("GlobalAveragePool", ["b"], ["c"], "pool"),
        helper.make_node("Flatten", ["c"], ["f"], "flat"),
        helper.make_node("MatMul", ["f", "d"], ["y"], "dense"),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8, 6, 6])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 30])]
    model = onnx.load(str(save(nodes, inputs, outputs, constants, path)))
    name_nodes(model)
    add_biases(model)
    return model


def bright(seed, count=6):
    random = np.random.default_rng(seed)
    return [{"x": random.uniform(0.6, 1.0, (1, 8, 6, 6)).astype(np.float32)} for _ in range(count)]


@pytest.mark.parametrize("kernel", [1, 3])
def test_a_model_of_large_weights_is_accurate_and_has_no_pair_that_could_saturate(tmp_path, kernel):
    model = heavy(tmp_path / "net.onnx", kernel=kernel)
    result = quantize_static(model, collect_statistics(model, bright(0), operators=QUANTIZED_OPERATORS, count=6))
    quantized = result.model
    assert result.in_float == result.weight_only == 0
    source, made = OnnxPredictor(model, threads=1), OnnxPredictor(quantized, threads=1)
    similarity = ModelSimilarity(source.outputs)
    for sample in bright(9):
        similarity.update(source.run(sample), made.run(sample))
    assert similarity.compute()[0].sqnr_db > 25
    weights = [numpy_helper.to_array(one) for one in quantized.graph.initializer if one.data_type == TensorProto.INT8]
    matrices = {2: layer((24, 30), transposed=True), 4: layer((24, 8, kernel, kernel))}
    products = [matrices[one.ndim].in_accumulation_order(one) for one in weights if one.ndim in matrices]
    assert len(products) == 2
    assert max(map(overflow, products)) <= 0


def test_weights_that_two_layers_share_get_7_bits(tmp_path):
    """There are no statistics of their inputs, so that pairs cannot be bounded by importance."""
    random = np.random.default_rng(1)
    shared = numpy_helper.from_array(random.choice([-1.0, 1.0], (8, 8, 1, 1)).astype(np.float32), "w")
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], "one"),
        helper.make_node("Relu", ["a"], ["b"], "relu"),
        helper.make_node("Conv", ["b", "w"], ["y"], "two"),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8, 6, 6])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8, 6, 6])]
    model = onnx.load(str(save(nodes, inputs, outputs, [shared], tmp_path / "net.onnx")))
    name_nodes(model)
    add_biases(model)
    statistics = collect_statistics(model, bright(0), operators=QUANTIZED_OPERATORS, count=6)
    quantized = quantize_static(model, statistics).model
    stored = [numpy_helper.to_array(one) for one in quantized.graph.initializer if one.data_type == TensorProto.INT8]
    (weights,) = [one for one in stored if one.ndim == 4]
    assert np.abs(weights).max() == 64
    similarity = ModelSimilarity(["y"])
    similarity.update(
        OnnxPredictor(model, threads=1).run(bright(9)[0]), OnnxPredictor(quantized, threads=1).run(bright(9)[0])
    )
    assert similarity.compute()[0].sqnr_db > 25

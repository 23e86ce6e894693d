"""Weights whose 16-bit sums never overflow on processors without VNNI, on whatever inputs."""

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
    """The most that two neighbouring products of 8-bit numbers exceed 16 bits with a sign; none at 0 or below."""
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
def test_the_order_of_products_is_that_of_channels_at_each_place_and_can_be_undone(one):
    weights = np.arange(np.prod(one.shape), dtype=np.float32).reshape(one.shape)
    products = one.by_product(weights)
    np.testing.assert_array_equal(one.from_products(products), weights)
    if len(one.shape) > 2:
        np.testing.assert_array_equal(products[0, : one.shape[1]], weights[0].reshape(one.shape[1], -1)[:, 0])


@pytest.mark.parametrize("one", LAYERS, ids=lambda one: str(one.shape))
def test_no_weights_within_the_bounds_overflow_and_the_bounds_are_no_tighter_than_need_be(one):
    ratios = np.random.default_rng(0).uniform(-127, 127, one.shape).astype(np.float32)
    limits = weight_bounds(one, ratios)
    both = (one.by_product(limits.lower), one.by_product(limits.upper))
    assert max(map(overflow, both)) <= 0
    assert (limits.lower <= 0).all() and (limits.upper >= 0).all()
    paired = both[1][:, : both[1].shape[1] // 2 * 2].reshape(len(both[1]), -1, 2)
    assert (paired.sum(axis=2) >= 127).all()
    small = np.abs(ratios) <= 63
    kept = (ratios <= limits.upper) & (ratios >= limits.lower)
    assert kept[small].mean() > 0.7


def test_depthwise_convolutions_are_left_alone():
    one = layer((8, 1, 3, 3), groups=8)
    limits = weight_bounds(one, np.full(one.shape, 127, np.float32))
    assert (limits.upper == 127).all() and (limits.lower == -127).all()
    steps = np.ones(8, np.float32)
    assert (choose_wider_scales(one, np.full(one.shape, 127.0), steps, np.ones(one.shape)) == 1).all()


def test_steps_get_wider_where_neighbours_are_large_and_only_there():
    one = layer((2, 64, 1, 1))
    weights = np.full(one.shape, 10.0, np.float32)
    weights[0] = 127.0
    weights[1, 5] = 127.0
    wider = choose_wider_scales(one, weights, np.ones(2, np.float32), np.ones(one.shape))
    assert wider[0] > 1.9
    assert wider[1] < 1.2


def heavy(path, *, kernel=1):
    """Layers whose neighbouring weights are all large, which other files overflow on."""
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
def test_a_whole_model_of_large_weights_answers_right_and_holds_no_pair_that_could_overflow(tmp_path, kernel):
    model = heavy(tmp_path / "net.onnx", kernel=kernel)
    quantized, spared = quantize_static(
        model, collect_statistics(model, bright(0), operators=QUANTIZED_OPERATORS, count=6)
    )
    assert spared == 0
    source, made = OnnxPredictor(model, threads=1), OnnxPredictor(quantized, threads=1)
    similarity = ModelSimilarity(source.outputs)
    for sample in bright(9):
        similarity.update(source.run(sample), made.run(sample))
    assert similarity.compute()[0].sqnr_db > 25
    weights = [numpy_helper.to_array(one) for one in quantized.graph.initializer if one.data_type == TensorProto.INT8]
    matrices = {2: layer((24, 30), transposed=True), 4: layer((24, 8, kernel, kernel))}
    products = [matrices[one.ndim].by_product(one) for one in weights if one.ndim in matrices]
    assert len(products) == 2
    assert max(map(overflow, products)) <= 0


def test_weights_that_two_layers_share_get_7_bits(tmp_path):
    """Nothing is known of their inputs, so neighbours cannot be weighed against each other."""
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
    quantized, _ = quantize_static(model, collect_statistics(model, bright(0), operators=QUANTIZED_OPERATORS, count=6))
    stored = [numpy_helper.to_array(one) for one in quantized.graph.initializer if one.data_type == TensorProto.INT8]
    (weights,) = [one for one in stored if one.ndim == 4]
    assert np.abs(weights).max() == 64
    similarity = ModelSimilarity(["y"])
    similarity.update(
        OnnxPredictor(model, threads=1).run(bright(9)[0]), OnnxPredictor(quantized, threads=1).run(bright(9)[0])
    )
    assert similarity.compute()[0].sqnr_db > 25

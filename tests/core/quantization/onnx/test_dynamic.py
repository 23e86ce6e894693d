"""Which scheme of dynamic quantization is taken."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from core.common.progress import silent
from core.onnx_model.serialize import byte_size
from core.quantization.onnx.dynamic import quantize_dynamic
from core.runtimes.onnx import OnnxPredictor
from small import conv_net, save

RANDOM = np.random.default_rng(5)


def quantize(path, feeds, scratch, *, max_bytes=10**9, **options):
    references = [(sample, OnnxPredictor(path, threads=1).run(sample)) for sample in feeds]
    return quantize_dynamic(
        lambda: onnx.load(str(path)), references, max_bytes=max_bytes, scratch=scratch, progress=silent, **options
    )


def matrix_product(path):
    weights = RANDOM.standard_normal((64, 128)).astype(np.float32)
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4, 64])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [4, 128])]
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    return save(nodes, inputs, outputs, [numpy_helper.from_array(weights, "w")], path)


def samples(shape, name, count=3):
    return [{name: RANDOM.standard_normal(shape).astype(np.float32)} for _ in range(count)]


def test_matrix_products_are_quantized_dynamically(tmp_path):
    found = quantize(matrix_product(tmp_path / "m.onnx"), samples((4, 64), "x"), tmp_path / "scratch.onnx")
    assert found.is_dynamic and found.weight_only == 0 and 0 < found.noise < 0.0025
    assert "MatMulInteger" in {node.op_type for node in found.model.graph.node}


def test_convolutions_become_weight_only(tmp_path):
    path = conv_net(tmp_path / "net.onnx", classes=200)
    found = quantize(path, samples((1, 3, 32, 32), "input"), tmp_path / "scratch.onnx")
    assert found.weight_only > 0 and "ConvInteger" not in {node.op_type for node in found.model.graph.node}


def test_a_model_that_would_not_get_smaller_is_not_made(tmp_path):
    feeds = samples((4, 64), "x")
    assert quantize(matrix_product(tmp_path / "m.onnx"), feeds, tmp_path / "scratch.onnx", max_bytes=100) is None


def test_the_smallest_and_the_next_closer_one_are_given_on_request(tmp_path):
    path = conv_net(tmp_path / "net.onnx", classes=200)
    feeds, noise = samples((1, 3, 32, 32), "input"), iter((0.5, 0.4, 0.001, 0.0009, 0.0005))
    found = quantize(path, feeds, tmp_path / "scratch.onnx", noise_of=lambda _: next(noise), others=True)
    assert (found.smaller.noise, found.noise, found.closer.noise) == (0.4, 0.001, 0.0005)
    assert byte_size(found.smaller.model) < byte_size(found.model) < byte_size(found.closer.model)
    best = quantize(path, feeds, tmp_path / "scratch.onnx", noise_of=lambda _: 0.0002, others=True)
    assert best.smaller is best.closer is None
    alone = quantize(path, feeds, tmp_path / "scratch.onnx", noise_of=lambda _: 0.0)
    assert alone.smaller is alone.closer is None


def test_where_no_recipe_is_accurate_enough_bytes_are_spent_only_on_less_noise(tmp_path):
    path = conv_net(tmp_path / "net.onnx", classes=200)
    feeds, ratios = samples((1, 3, 32, 32), "input"), []

    def noise_of(_):
        ratios.append(0.11 - 0.001 * len(ratios))
        return ratios[-1]

    found = quantize(path, feeds, tmp_path / "scratch.onnx", noise_of=noise_of)
    assert len(ratios) > 4 and found.noise == ratios[1]  # the second recipe stores the smallest file

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.common.errors import TargetRefused
from core.common.progress import silent
from core.conversion.context import ConversionContext
from core.inputs.images import Split
from core.onnx_model.inspect import inspect
from core.quantization.onnx.weight_only import store_weights_as_int8
from core.runtimes.onnx import OnnxPredictor
from core.targets.onnx_quan_dy import OnnxQuanDy
from small import PREPROCESSING, save

RANDOM = np.random.default_rng(5)


def matrix_products(path, weight):
    return save(
        [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Relu", ["h"], ["y"])],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", weight.shape[1]])],
        [numpy_helper.from_array(weight.astype(np.float32), "w")],
        path,
    )


def make(path, folder):
    folder.mkdir()
    context = ConversionContext(inspect(path), PREPROCESSING, split=Split(), folder=folder)
    return context, OnnxQuanDy().make(context, folder, silent)


def test_matrix_products_compute_in_8_bit(tmp_path):
    path = matrix_products(tmp_path / "m.onnx", RANDOM.standard_normal((64, 128)))
    _, artifact = make(path, tmp_path / "work")
    assert "MatMulInteger" in {node.op_type for node in onnx.load(str(artifact.files[0])).graph.node}


def broken(*arguments, **options):
    raise AssertionError


def astray(model, *arguments, **options):
    """Loads, runs, and is wrong."""
    (weight,) = model.graph.initializer
    weight.CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(weight), "w"))
    model.graph.node[0].op_type = "MatMul"
    return model


@pytest.mark.parametrize("quantizer", [broken, astray])
def test_where_that_breaks_or_strays_weights_are_only_stored(tmp_path, monkeypatch, quantizer):
    monkeypatch.setattr("core.quantization.onnx.dynamic.quantize_matrix_products", quantizer)
    path = matrix_products(tmp_path / "m.onnx", RANDOM.standard_normal((64, 128)))
    context, artifact = make(path, tmp_path / "work")
    assert "MatMulInteger" not in {node.op_type for node in onnx.load(str(artifact.files[0])).graph.node}
    answers = OnnxPredictor(artifact.files[0]).run(context.example.feeds)["y"]
    expected = context.expected["y"]
    assert np.abs(answers - expected).max() < 0.03 * np.abs(expected).max()
    assert artifact.size_bytes < 0.4 * path.stat().st_size and "32 bit" in str(artifact.notes[0])


def test_a_model_with_nothing_to_store_is_refused(tmp_path):
    path = save(
        [helper.make_node("Relu", ["x"], ["y"])],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4, 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [4, 64])],
        [],
        tmp_path / "m.onnx",
    )
    with pytest.raises(TargetRefused) as caught:
        make(path, tmp_path / "work")
    assert str(caught.value.next_step)


def test_weights_inside_branches_are_stored_too(tmp_path):
    weight = RANDOM.standard_normal((32, 16, 3)).astype(np.float32)
    branches = {
        side: helper.make_graph(
            [helper.make_node("Conv", ["x", "w"], [side])],
            side,
            [],
            [helper.make_tensor_value_info(side, TensorProto.FLOAT, [1, 32, 6])],
            [numpy_helper.from_array(sign * weight, "w")],
        )
        for side, sign in (("then", 1), ("else", -1))
    }
    path = save(
        [
            helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
            helper.make_node("Less", ["sum", "zero"], ["negative"]),
            helper.make_node("If", ["negative"], ["y"], then_branch=branches["then"], else_branch=branches["else"]),
        ],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 16, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 32, 6])],
        [numpy_helper.from_array(np.float32(0), "zero")],
        tmp_path / "branches.onnx",
    )
    model = onnx.load(str(path))
    assert store_weights_as_int8(model) == 2 and model.ByteSize() < 0.5 * path.stat().st_size
    for sign in (1, -1):
        feeds = {"x": sign * RANDOM.standard_normal((1, 16, 8)).astype(np.float32)}
        expected, answers = OnnxPredictor(path).run(feeds)["y"], OnnxPredictor(model).run(feeds)["y"]
        assert np.abs(answers - expected).max() < 0.03 * np.abs(expected).max()


def test_what_cannot_compute_in_8_bit_is_at_least_stored_so(tmp_path):
    """onnxruntime has no dynamic 8 bit for GRU."""
    width, units = 24, 32
    weights = {"w": (2, 3 * units, width), "r": (2, 3 * units, units)}
    path = save(
        [helper.make_node("GRU", ["x", "w", "r"], ["y"], hidden_size=units, direction="bidirectional")],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["length", 1, width])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["length", 2, 1, units])],
        [
            numpy_helper.from_array((RANDOM.standard_normal(shape) / 6).astype(np.float32), name)
            for name, shape in weights.items()
        ],
        tmp_path / "gru.onnx",
    )
    _, artifact = make(path, tmp_path / "work")
    assert artifact.size_bytes < 0.4 * path.stat().st_size

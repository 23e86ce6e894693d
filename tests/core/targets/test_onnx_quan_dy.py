"""What the dynamic 8-bit target refuses by itself, its files and its notes."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.common.errors import TargetRefused
from core.common.progress import silent
from core.conversion.context import ConversionContext
from core.inputs.images import Split
from core.onnx_model.inspect import inspect
from core.runtimes.onnx import OnnxPredictor
from core.targets.onnx_quan_dy import OnnxQuanDy
from small import PREPROCESSING, conv_net, save

RANDOM = np.random.default_rng(5)


def matrix_product(path, rows, columns):
    return save(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, rows])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, columns])],
        [numpy_helper.from_array(np.ones((rows, columns), np.float32), "w")],
        path,
    )


def make(path, folder):
    folder.mkdir()
    context = ConversionContext(inspect(path), PREPROCESSING, split=Split(), folder=folder)
    return context, OnnxQuanDy().make(context, folder, silent)


@pytest.mark.parametrize(("rows", "columns", "is_refused"), [(3, 3, True), (40, 40, False)])
def test_a_model_with_hardly_any_weights_is_refused(tmp_path, rows, columns, is_refused):
    source = inspect(matrix_product(tmp_path / "m.onnx", rows, columns))
    if not is_refused:
        OnnxQuanDy().check(source)
        return
    with pytest.raises(TargetRefused, match="smaller"):
        OnnxQuanDy().check(source)


def test_convolutions_that_are_weight_only_are_counted_in_a_note(tmp_path):
    _, artifact = make(conv_net(tmp_path / "net.onnx", classes=500), tmp_path / "work")
    (note,) = artifact.notes
    assert "1 layer is stored in 8 bit" in str(note) or "3 layers are stored in 8 bit" in str(note)


def relu_of_product(path, weight):
    return save(
        [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Relu", ["h"], ["y"])],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", weight.shape[1]])],
        [numpy_helper.from_array(weight.astype(np.float32), "w")],
        path,
    )


def test_matrix_products_compute_in_8_bit(tmp_path):
    path = relu_of_product(tmp_path / "m.onnx", RANDOM.standard_normal((64, 128)))
    _, artifact = make(path, tmp_path / "work")
    assert "MatMulInteger" in {node.op_type for node in onnx.load(str(artifact.files[0])).graph.node}


def broken(*arguments, **options):
    raise AssertionError


def inaccurate(model, *arguments, **options):
    """Loads, runs, and is wrong."""
    (weight,) = model.graph.initializer
    weight.CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(weight), "w"))
    model.graph.node[0].op_type = "MatMul"
    return model


@pytest.mark.parametrize("quantizer", [broken, inaccurate])
def test_where_that_fails_or_is_inaccurate_weights_are_only_stored(tmp_path, monkeypatch, quantizer):
    monkeypatch.setattr("core.quantization.onnx.dynamic.quantize_matrix_products", quantizer)
    path = relu_of_product(tmp_path / "m.onnx", RANDOM.standard_normal((64, 128)))
    context, artifact = make(path, tmp_path / "work")
    assert "MatMulInteger" not in {node.op_type for node in onnx.load(str(artifact.files[0])).graph.node}
    outputs = OnnxPredictor(artifact.files[0]).run(context.example.feeds)["y"]
    expected = context.expected["y"]
    assert np.abs(outputs - expected).max() < 0.03 * np.abs(expected).max()
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


def test_what_cannot_compute_in_8_bit_is_at_least_stored_in_it(tmp_path):
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

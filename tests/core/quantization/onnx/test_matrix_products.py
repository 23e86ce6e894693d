import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from core.quantization.onnx.matrix_products import quantize_matrix_products
from core.runtimes.onnx import OnnxPredictor
from small import save

RANDOM = np.random.default_rng(3)
ROWS, WIDTH, UNITS = 6, 32, 16


def value(name, shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def quantized(path, operator):
    model = quantize_matrix_products(onnx.load(str(path)), [operator], path.with_name("scratch.onnx"))
    assert not [tensor.name for tensor in model.graph.initializer if tensor.data_type == TensorProto.INT8]
    return model


def relative_error(path, model, feeds):
    expected, outputs = OnnxPredictor(path).run(feeds)["y"], OnnxPredictor(model).run(feeds)["y"]
    return np.linalg.norm(outputs - expected) / np.linalg.norm(expected)


def test_sums_of_large_products_do_not_saturate(tmp_path):
    """255 x 127 + 255 x 127 does not fit 16 bit."""
    weight = RANDOM.choice([-1, 0.9, 1], (WIDTH, UNITS)).astype(np.float32)
    path = save(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        [value("x", [ROWS, WIDTH])],
        [value("y", [ROWS, UNITS])],
        [numpy_helper.from_array(weight, "w")],
        tmp_path / "m.onnx",
    )
    feeds = {"x": RANDOM.uniform(0.8, 1, (ROWS, WIDTH)).astype(np.float32)}
    assert relative_error(path, quantized(path, "MatMul"), feeds) < 0.01


def test_neither_do_those_of_an_lstm(tmp_path):
    weights = {"w": (1, 4 * UNITS, WIDTH), "r": (1, 4 * UNITS, UNITS)}
    path = save(
        [helper.make_node("LSTM", ["x", "w", "r"], ["y"], hidden_size=UNITS)],
        [value("x", [ROWS, 1, WIDTH])],
        [value("y", [ROWS, 1, 1, UNITS])],
        [
            numpy_helper.from_array(RANDOM.choice([-0.05, 0.045, 0.05], shape).astype(np.float32), name)
            for name, shape in weights.items()
        ],
        tmp_path / "lstm.onnx",
    )
    feeds = {"x": RANDOM.uniform(0.8, 1, (ROWS, 1, WIDTH)).astype(np.float32)}
    model = quantized(path, "LSTM")
    assert "DynamicQuantizeLSTM" in {node.op_type for node in model.graph.node}
    assert relative_error(path, model, feeds) < 0.01

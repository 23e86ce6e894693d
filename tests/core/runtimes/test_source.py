"""Sources that onnxruntime loads only after a repair."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from core.common.errors import ConversionError
from core.runtimes.onnx import OnnxPredictor
from core.runtimes.source import open_source
from rewritten import constant, model_of, node, value


def test_nodes_of_one_name(tmp_path):
    nodes = [node("Relu", ["x"], ["r"], name="same"), node("Neg", ["r"], ["y"], name="same")]
    onnx.save(model_of(nodes, [value("x", [2])], [value("y", [2])]), tmp_path / "m.onnx")
    before = (tmp_path / "m.onnx").read_bytes()
    with pytest.raises(ConversionError):
        OnnxPredictor(tmp_path / "m.onnx")
    assert open_source(tmp_path / "m.onnx").run({"x": np.array([1.0, -1.0])})["y"].tolist() == [-1, 0]
    assert (tmp_path / "m.onnx").read_bytes() == before


def test_an_operator_that_exists_in_32_bit_only(tmp_path):
    values = [value(name, shape, TensorProto.DOUBLE) for name, shape in (("x", [1, 3, 8, 8]), ("y", [1, 4, 8, 8]))]
    nodes, weights = [node("Conv", ["x", "w"], ["y"])], [constant("w", 4, 3, 1, 1, dtype=np.float64)]
    onnx.save(model_of(nodes, values[:1], values[1:], weights), tmp_path / "m.onnx")
    assert open_source(tmp_path / "m.onnx").run({"x": np.ones((1, 3, 8, 8))})["y"].dtype == np.float32


def test_a_file_that_nothing_repairs_is_an_error(tmp_path):
    onnx.save(model_of([node("Unheard", ["x"], ["y"])], [value("x", [2])], [value("y", [2])]), tmp_path / "m.onnx")
    with pytest.raises(ConversionError, match="loaded"):
        open_source(tmp_path / "m.onnx")

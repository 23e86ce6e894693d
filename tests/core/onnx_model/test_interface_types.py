"""A file takes and gives the types that its source does."""

import numpy as np
import pytest
from onnx import TensorProto, helper

from core.onnx_model.interface_types import with_interface_types
from core.onnx_model.source import TensorInfo
from core.runtimes.onnx import OnnxPredictor
from ncnn_small import onnx_model

FEEDS = np.linspace(-2, 2, 8, dtype=np.float32).reshape(2, 4)


def model():
    """An output that another node reads, an input that two nodes read."""
    nodes = [
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node("Add", ["r", "x"], ["y"]),
    ]
    outputs = [(name, TensorProto.FLOAT, (2, 4)) for name in ("r", "y")]
    return onnx_model(nodes, [("x", TensorProto.FLOAT, (2, 4))], outputs)


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_inputs_and_outputs_are_cast(dtype):
    tensors = [TensorInfo(name, (2, 4), dtype) for name in "xry"]
    before = model()
    changed = with_interface_types(before, tensors[:1], tensors[1:])
    outputs = OnnxPredictor(changed, threads=1).run({"x": FEEDS.astype(dtype)})
    expected = OnnxPredictor(before, threads=1).run({"x": FEEDS})
    assert [one.dtype for one in outputs.values()] == [dtype, dtype] and list(outputs) == ["r", "y"]
    for name, tensor in outputs.items():
        np.testing.assert_allclose(tensor, expected[name], rtol=1e-3)


def test_only_what_differs_is_cast():
    tensors = [
        TensorInfo("x", (2, 4), "float32"),
        TensorInfo("r", (2, 4), "float16"),
        TensorInfo("y", (2, 4), "float32"),
    ]
    changed = with_interface_types(model(), tensors[:1], tensors[1:])
    assert [node.op_type for node in changed.graph.node] == ["Relu", "Add", "Cast"]
    same = model()
    assert with_interface_types(same, tensors[:1], tensors[2:]) is same

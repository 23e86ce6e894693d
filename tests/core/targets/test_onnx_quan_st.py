"""What the static 8-bit target refuses by itself, and its file."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.common.errors import TargetRefused
from core.common.progress import silent
from core.conversion.context import ConversionContext
from core.inputs.images import read_folder, split
from core.onnx_model.inspect import inspect
from core.targets.onnx_quan_st import OnnxQuanSt
from small import PREPROCESSING, conv_net, pictures, save


def test_a_model_without_convolutions_or_matrix_products_is_refused(tmp_path):
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3]) for name in "xy"]
    weights = [numpy_helper.from_array(np.ones((1, 3), np.float32), "w")]
    path = save([helper.make_node("Mul", ["x", "w"], ["y"])], values[:1], values[1:], weights, tmp_path / "m.onnx")
    with pytest.raises(TargetRefused, match="no convolutions"):
        OnnxQuanSt().check(inspect(path))


def test_weights_are_int8_per_channel_and_activations_uint8(tmp_path):
    source = inspect(conv_net(tmp_path / "net.onnx"))
    parts = split(read_folder(pictures(tmp_path / "pictures", 8)))
    folder = tmp_path / "work"
    folder.mkdir()
    context = ConversionContext(source, PREPROCESSING, split=parts, folder=folder)
    model = onnx.load(str(OnnxQuanSt().make(context, folder, silent).files[0]))
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    weights = [
        name for name, tensor in constants.items() if tensor.data_type == TensorProto.INT8 and len(tensor.dims) == 4
    ]
    assert len(weights) == 3
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in weights:
            assert list(constants[node.input[1]].dims) == [constants[node.input[0]].dims[0]]
        if node.op_type == "QuantizeLinear":
            assert constants[node.input[2]].data_type == TensorProto.UINT8

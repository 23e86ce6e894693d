"""The notes of the fp16 target."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from core.common.progress import silent
from core.conversion.context import ConversionContext
from core.inputs.images import Split
from core.onnx_model.inspect import inspect
from core.targets.onnx_fp16 import OnnxFp16
from small import PREPROCESSING, conv_net, save


def make(path, folder):
    folder.mkdir()
    context = ConversionContext(inspect(path), PREPROCESSING, split=Split(), folder=folder)
    return OnnxFp16().make(context, folder, silent)


def test_a_model_that_agrees_entirely_has_no_note_and_float32_inputs_and_outputs(tmp_path):
    artifact = make(conv_net(tmp_path / "net.onnx"), tmp_path / "work")
    model = onnx.load(str(artifact.files[0]))
    assert artifact.notes == ()
    kinds = {value.type.tensor_type.elem_type for value in (*model.graph.input, *model.graph.output)}
    assert kinds == {TensorProto.FLOAT}


def test_operators_that_stay_in_32_bit_are_named(tmp_path):
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"]),
        helper.make_node("Mul", ["a", "large"], ["b"]),
        helper.make_node("Mul", ["b", "small"], ["c"]),
        helper.make_node("Relu", ["c"], ["y"]),
    ]
    weights = [
        numpy_helper.from_array(np.random.default_rng(0).standard_normal((16, 32)).astype(np.float32), "w"),
        numpy_helper.from_array(np.float32(1e6), "large"),
        numpy_helper.from_array(np.float32(1e-6), "small"),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4, 16])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [4, 32])]
    (note,) = make(save(nodes, inputs, outputs, weights, tmp_path / "m.onnx"), tmp_path / "work").notes
    assert "of 4 steps are computed in 32 bit" in str(note) and "MatMul" not in str(note)

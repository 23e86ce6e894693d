"""What all ncnn targets refuse, note, and how they write and open."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.common.errors import TargetRefused
from core.onnx_model.inspect import inspect
from core.targets.ncnn_fp16 import NcnnFp16
from core.targets.ncnn_fp32 import NcnnFp32
from core.targets.ncnn_target import refuse_unsupported
from ncnn_small import model
from small import conv_net, save


def one_node(path, operator, inputs, outputs, *constants, **attributes):
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node(operator, inputs, outputs, **attributes),
    ]
    weights = [numpy_helper.from_array(np.ones((3, 3, 1, 1), np.float32), "w"), *constants]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 4) for name in ("x", outputs[0])]
    values[0].type.tensor_type.shape.dim[0].dim_value = 1
    return inspect(save(nodes, values[:1], values[1:], weights, path))


def test_an_operator_that_ncnn_cannot_have_is_refused_with_its_name(tmp_path):
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"]), helper.make_node("NonZero", ["c"], ["y"])]
    weights = [numpy_helper.from_array(np.ones((3, 3, 1, 1), np.float32), "w")]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.INT64, [4, None])]
    with pytest.raises(TargetRefused, match="NonZero"):
        refuse_unsupported(inspect(save(nodes, inputs, outputs, weights, tmp_path / "m.onnx")))


def test_a_batch_of_several_images_is_refused(tmp_path):
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"])]
    weights = [numpy_helper.from_array(np.ones((3, 3, 1, 1), np.float32), "w")]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4, 3, 8, 8]) for name in "xy"]
    with pytest.raises(TargetRefused, match="4"):
        refuse_unsupported(inspect(save(nodes, values[:1], values[1:], weights, tmp_path / "m.onnx")))


def test_operators_that_may_be_missing_and_free_sizes_are_noted(tmp_path):
    assert NcnnFp32().notes(inspect(conv_net(tmp_path / "net.onnx"))) == ()
    source = one_node(
        tmp_path / "m.onnx", "Where", ["mask", "c", "c"], ["y"], numpy_helper.from_array(np.array(True), "mask")
    )
    notes = [str(note) for note in NcnnFp32().notes(source)]
    assert len(notes) == 2 and "Where" in notes[0] and "fixed" in notes[1]


def test_files_are_named_after_the_target_and_opened_with_the_sources_names_and_shapes(tmp_path):
    artifact = NcnnFp16().write(model(), tmp_path, "net")
    assert [file.name for file in artifact.files] == ["net_fp16.param", "net_fp16.bin"]
    predictor = NcnnFp16().open(artifact, {"y0": np.zeros((1, 4), np.float32)}, threads=1)
    outputs = predictor.run({"x0": np.zeros((1, 3, 12, 12), np.float32)})
    assert list(outputs) == ["y0"] and outputs["y0"].shape == (1, 4)

"""What all ncnn targets refuse, note, and how they write and open."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.common.errors import TargetRefused
from core.common.progress import silent
from core.conversion.context import ConversionContext
from core.inputs.images import Split
from core.onnx_model.inspect import inspect
from core.targets.ncnn_fp16 import NcnnFp16
from core.targets.ncnn_fp32 import NcnnFp32
from core.targets.ncnn_target import refuse_unsupported
from ncnn_small import model
from small import PREPROCESSING, conv_net, save


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
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"]), helper.make_node("NonZero", ["c"], ["y"], "which")]
    weights = [numpy_helper.from_array(np.ones((3, 3, 1, 1), np.float32), "w")]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.INT64, [4, None])]
    with pytest.raises(TargetRefused, match='NonZero \\("which"\\)'):
        refuse_unsupported(inspect(save(nodes, inputs, outputs, weights, tmp_path / "m.onnx")))


def test_several_samples_at_a_time_are_noted(tmp_path):
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"])]
    weights = [numpy_helper.from_array(np.ones((3, 3, 1, 1), np.float32), "w")]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4, 3, 8, 8]) for name in "xy"]
    (note,) = NcnnFp32().notes(inspect(save(nodes, values[:1], values[1:], weights, tmp_path / "m.onnx")))
    assert "takes 4 samples at a time" in str(note)


def test_operators_that_may_be_missing_and_free_sizes_are_noted(tmp_path):
    assert NcnnFp32().notes(inspect(conv_net(tmp_path / "net.onnx"))) == ()
    source = one_node(
        tmp_path / "m.onnx",
        "GatherElements",
        ["c", "at"],
        ["y"],
        numpy_helper.from_array(np.zeros((1, 3, 2, 2), int), "at"),
    )
    notes = [str(note) for note in NcnnFp32().notes(source)]
    assert len(notes) == 2 and "GatherElements" in notes[0] and "fixed" in notes[1]


def test_files_are_named_after_the_target_and_opened_with_the_sources_names_and_shapes(tmp_path):
    source = inspect(conv_net(tmp_path / "net.onnx"))
    context = ConversionContext(source, PREPROCESSING, split=Split(), folder=tmp_path / "work")
    artifact = NcnnFp16().write(context, model(), tmp_path)
    assert [file.name for file in artifact.files] == ["net_fp16.param", "net_fp16.bin"]
    predictor = NcnnFp16().open(artifact, {"y0": np.zeros((1, 4), np.float32)}, threads=1)
    outputs = predictor.run({"x0": np.zeros((1, 3, 12, 12), np.float32)})
    assert list(outputs) == ["y0"] and outputs["y0"].shape == (1, 4)


def test_which_inputs_are_integers_in_ncnn_is_said(tmp_path):
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["rows"]),
        helper.make_node("Cast", ["mask"], ["factor"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["rows", "factor"], ["y"]),
    ]
    table = np.random.default_rng(0).standard_normal((9, 4)).astype(np.float32)
    inputs = [helper.make_tensor_value_info("ids", TensorProto.INT64, [1, 6])]
    inputs.append(helper.make_tensor_value_info("mask", TensorProto.INT64, [1, 6, 1]))
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 6, 4])]
    source = inspect(save(nodes, inputs, outputs, [numpy_helper.from_array(table, "table")], tmp_path / "m.onnx"))
    context = ConversionContext(source, PREPROCESSING, split=Split(), folder=tmp_path / "work")
    artifact = NcnnFp32().make(context, tmp_path, silent)
    assert artifact.integer_inputs == ("ids",)
    assert [str(note).rpartition(" ")[::2] for note in artifact.notes] == [
        ("ncnn takes these inputs as 32-bit integers:", "ids."),
        ("ncnn takes these inputs as 32-bit floats, with the same numbers:", "mask."),
    ]

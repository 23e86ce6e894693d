"""What all ONNX targets refuse, note, and how they write."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.common.errors import ConversionError, TargetRefused
from core.job.outcome import Artifact
from core.onnx_model import serialize
from core.onnx_model.inspect import inspect
from core.targets.onnx_target import ONNX, OnnxTarget, refuse_unsupported, save
from small import conv_net
from small import save as save_model


def test_a_model_without_weights_is_refused(tmp_path):
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3]) for name in "xy"]
    path = save_model([helper.make_node("Relu", ["x"], ["y"])], values[:1], values[1:], [], tmp_path / "m.onnx")
    with pytest.raises(TargetRefused, match="no weights"):
        refuse_unsupported(inspect(path))


def test_branches_and_foreign_operators_are_noted_and_an_ordinary_model_has_no_notes(tmp_path):
    assert OnnxTarget().notes(inspect(conv_net(tmp_path / "net.onnx"))) == ()
    branch = helper.make_graph(
        [helper.make_node("Identity", ["z"], ["b"])],
        "branch",
        [],
        [helper.make_tensor_value_info("b", TensorProto.FLOAT, [1, 3])],
    )
    nodes = [
        helper.make_node("CropAndResize", ["x", "w"], ["z"], domain="com.microsoft"),
        helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
        helper.make_node("Cast", ["sum"], ["yes"], to=TensorProto.BOOL),
        helper.make_node("If", ["yes"], ["y"], then_branch=branch, else_branch=branch),
    ]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3]) for name in "xy"]
    weights = [numpy_helper.from_array(np.ones((3, 3), np.float32), "w")]
    graph = helper.make_graph(nodes, "graph", values[:1], values[1:], weights)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / "m.onnx")
    notes = [str(note) for note in OnnxTarget().notes(inspect(tmp_path / "m.onnx"))]
    assert len(notes) == 2 and "If" in notes[0] and "CropAndResize" in notes[1]


def test_a_file_is_written_and_opened_with_the_names_of_the_model(tmp_path):
    model = onnx.load(str(conv_net(tmp_path / "net.onnx")))
    artifact = Artifact("onnx_fp16", (save(model, tmp_path / "made.onnx"),))
    predictor = OnnxTarget().open(artifact, {}, threads=1)
    outputs = predictor.run({"input": np.zeros((1, 3, 32, 32), np.float32)})
    assert list(outputs) == ["scores"] and ONNX.graph_suffix == artifact.files[0].suffix


def test_a_model_beyond_the_limit_of_protobuf_is_a_readable_error(tmp_path, monkeypatch):
    monkeypatch.setattr(serialize, "MAX_BYTES", 100)
    with pytest.raises(ConversionError, match="2 GB"):
        save(onnx.load(str(conv_net(tmp_path / "net.onnx"))), tmp_path / "made.onnx")
    assert not (tmp_path / "made.onnx").exists()

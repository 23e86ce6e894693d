import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.common.errors import SourceError
from core.conversion.prepare import OPSET, prepare_model, run_source
from core.runtimes.onnx import OnnxPredictor
from small import conv_net, save

FEEDS = {"input": np.random.default_rng(1).standard_normal((1, 3, 32, 32)).astype(np.float32)}


def test_an_old_model_is_raised_to_the_new_opset_with_the_same_outputs(tmp_path):
    path = conv_net(tmp_path / "net.onnx", opset=11)
    reference = run_source(path, FEEDS)
    prepared = prepare_model(path, FEEDS, reference, folder=tmp_path)
    assert prepared.clean.read().opset_import[0].version == OPSET and not prepared.notes
    outputs = OnnxPredictor(prepared.clean.read()).run(FEEDS)
    assert np.allclose(outputs["scores"], reference["scores"], atol=1e-5)


def test_the_source_file_is_not_touched(tmp_path):
    path = conv_net(tmp_path / "net.onnx", opset=11)
    before, files = path.read_bytes(), sorted(tmp_path.iterdir())
    prepare_model(path, FEEDS, run_source(path, FEEDS), folder=tmp_path / "models")
    assert path.read_bytes() == before and sorted(tmp_path.iterdir()) == sorted([*files, tmp_path / "models"])


def test_free_dimensions_stay_free_in_one_model_and_are_fixed_in_the_other(tmp_path):
    path = conv_net(tmp_path / "net.onnx", size="side")
    prepared = prepare_model(path, FEEDS, run_source(path, FEEDS), folder=tmp_path)
    assert prepared.clean.read().graph.input[0].type.tensor_type.shape.dim[2].dim_param == "side"
    assert [dim.dim_value for dim in prepared.static.read().graph.input[0].type.tensor_type.shape.dim] == [1, 3, 32, 32]


def test_weights_given_as_constant_nodes_become_initializers(tmp_path):
    weight = numpy_helper.from_array(np.random.default_rng(0).standard_normal((8, 3, 3, 3)).astype(np.float32), "w")
    path = save(
        [helper.make_node("Constant", [], ["w"], value=weight), helper.make_node("Conv", ["input", "w"], ["y"])],
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 32, 32])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8, 30, 30])],
        [],
        tmp_path / "constant.onnx",
    )
    prepared = prepare_model(path, FEEDS, run_source(path, FEEDS), folder=tmp_path)
    assert [node.op_type for node in prepared.clean.read().graph.node] == ["Conv"]
    assert len(prepared.clean.read().graph.initializer) == 1


def test_a_model_with_external_weights_becomes_self_contained(tmp_path):
    inside = conv_net(tmp_path / "net.onnx")
    reference = run_source(inside, FEEDS)
    outside = tmp_path / "outside.onnx"
    onnx.save(onnx.load(str(inside)), str(outside), save_as_external_data=True, location="w.data", size_threshold=0)
    prepared = prepare_model(outside, FEEDS, run_source(outside, FEEDS), folder=tmp_path)
    assert np.allclose(OnnxPredictor(prepared.clean.read()).run(FEEDS)["scores"], reference["scores"], atol=1e-5)


def test_a_source_that_does_not_run_is_a_readable_error(tmp_path):
    path = conv_net(tmp_path / "net.onnx")
    with pytest.raises(SourceError, match=r"net\.onnx"):
        run_source(path, {"input": np.zeros((1, 3, 9, 32), np.float64)})


@pytest.mark.parametrize("is_read", [True, False])
def test_no_input_is_lost(tmp_path, is_read):
    """The shape of the output stands in the file, so onnxslim takes ``shape`` for a constant."""
    path = save(
        [helper.make_node("Reshape", ["x", "shape" if is_read else "fixed"], ["y"])],
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 6]),
            helper.make_tensor_value_info("shape", TensorProto.INT64, [2]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [4, 3])],
        [numpy_helper.from_array(np.array([4, 3]), "fixed")],
        tmp_path / "m.onnx",
    )
    feeds = {"x": np.arange(12, dtype=np.float32).reshape(2, 6), "shape": np.array([4, 3])}
    prepared = prepare_model(path, feeds, run_source(path, feeds), folder=tmp_path)
    for model in (prepared.clean.read(), prepared.static.read()):
        assert [value.name for value in model.graph.input] == ["x", "shape"]
        assert OnnxPredictor(model).run(feeds)["y"].shape == (4, 3)


@pytest.mark.parametrize(
    "damage", ["other outputs", "no output", "not a number", "exception"], ids=lambda damage: damage.replace(" ", "_")
)
def test_a_pass_that_changes_the_outputs_is_left_out_with_a_note(tmp_path, monkeypatch, damage):
    path = conv_net(tmp_path / "net.onnx", opset=11)

    def broken(model, opset):
        if damage == "exception":
            raise RuntimeError("no adapter")
        if damage == "no output":
            del model.graph.output[0]
        for tensor in model.graph.initializer:
            if tensor.name == "bf":
                values = numpy_helper.to_array(tensor) + (np.nan if damage == "not a number" else 1)
                tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float32), "bf"))
        return model

    monkeypatch.setattr("onnx.version_converter.convert_version", broken)
    reference = run_source(path, FEEDS)
    prepared = prepare_model(path, FEEDS, reference, folder=tmp_path)
    assert [note.values["step"].values for note in prepared.notes] == [{"opset": OPSET}]
    assert np.allclose(OnnxPredictor(prepared.clean.read()).run(FEEDS)["scores"], reference["scores"], atol=1e-5)


def test_a_copy_can_be_changed_without_changing_the_prepared_model(tmp_path):
    path = conv_net(tmp_path / "net.onnx")
    prepared = prepare_model(path, FEEDS, run_source(path, FEEDS), folder=tmp_path)
    before = prepared.clean.read().SerializeToString()
    del prepared.clean.read().graph.node[:]
    assert prepared.clean.read().SerializeToString() == before

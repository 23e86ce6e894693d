import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.onnx_model import stored
from core.onnx_model.stored import ReadOnAccess, StoredModel
from core.runtimes.onnx import OnnxPredictor
from small import conv_net

FEEDS = {"input": np.random.default_rng(1).standard_normal((1, 3, 32, 32)).astype(np.float32)}


@pytest.mark.parametrize("large", [0, 10**9], ids=["values beside it", "one file"])
def test_a_stored_model_is_read_and_run_as_it_was(tmp_path, monkeypatch, large):
    monkeypatch.setattr(stored, "_LARGE_BYTES", large)
    path = conv_net(tmp_path / "net.onnx")
    model = onnx.load(path)
    kept = StoredModel.of(model, tmp_path / "models")
    assert model == onnx.load(path)
    assert kept.read() == model and kept.size_bytes == model.ByteSize()
    assert len(list((tmp_path / "models").iterdir())) == (1 if large else 2)
    assert np.array_equal(OnnxPredictor(kept.path).run(FEEDS)["scores"], OnnxPredictor(path).run(FEEDS)["scores"])


def test_values_of_branches_lie_beside_a_large_model_too(tmp_path, monkeypatch):
    monkeypatch.setattr(stored, "_LARGE_BYTES", 0)
    values = numpy_helper.from_array(np.arange(1000, dtype=np.float32), "values")
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    branch = helper.make_graph([helper.make_node("Add", ["values", "x"], ["z"])], "b", [], [result], [values])
    branch.output[0].name = "z"
    graph = helper.make_graph(
        [helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)],
        "g",
        [helper.make_tensor_value_info("c", TensorProto.BOOL, []), helper.make_tensor_value_info("x", 1, [1000])],
        [result],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    kept = StoredModel.of(model, tmp_path)
    assert kept.read() == model and kept.path.stat().st_size < 2000
    feeds = {"c": np.array(True), "x": np.ones(1000, np.float32)}
    assert np.array_equal(OnnxPredictor(kept.path).run(feeds)["y"], np.arange(1, 1001, dtype=np.float32))


def test_models_are_read_when_they_are_asked_for(tmp_path):
    models = [StoredModel.of(onnx.load(conv_net(tmp_path / f"{side}.onnx", size=side)), tmp_path) for side in (16, 32)]
    asked = []
    lazy = ReadOnAccess(models, lambda model: asked.append(model) or model)
    assert len(lazy) == 2 and not asked
    assert lazy[1].graph.input[0].type.tensor_type.shape.dim[2].dim_value == 32 and len(asked) == 1
    assert [one.graph.input[0].type.tensor_type.shape.dim[2].dim_value for one in lazy[:1]] == [16]

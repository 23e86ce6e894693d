"""Tensors inside a model as outputs, in groups of bounded size."""

import numpy as np
import onnx
import pytest

from core.runtimes.inner_tensors import in_groups, tensor_sizes, with_outputs
from core.runtimes.onnx import OnnxPredictor
from small import SIZE, conv_net

FEEDS = {"input": np.random.default_rng(1).standard_normal((1, 3, SIZE, SIZE)).astype(np.float32)}


@pytest.fixture
def model(tmp_path):
    return onnx.load(str(conv_net(tmp_path / "net.onnx", size="side")))


def test_the_part_of_a_model_gives_the_tensor_and_holds_no_later_weights(model):
    before = model.SerializeToString()
    part = with_outputs(model, ["r1"])
    tensors = OnnxPredictor(part, threads=1).run(FEEDS)
    assert list(tensors) == ["r1"] and tensors["r1"].shape == (1, 16, 16, 16) and tensors["r1"].min() == 0
    assert {tensor.name for tensor in part.graph.initializer} == {"w1", "b1"}
    assert model.SerializeToString() == before


def test_the_later_tensors_are_those_of_the_whole_model(model):
    whole = OnnxPredictor(model, threads=1).run(FEEDS)["scores"]
    part = OnnxPredictor(with_outputs(model, ["c3", "scores"]), threads=1).run(FEEDS)
    assert np.allclose(part["scores"], whole, atol=1e-6) and part["c3"].shape == (1, 64, 16, 16)


def test_sizes_are_those_of_the_sample_where_the_model_leaves_them_free(model):
    assert tensor_sizes(model, ["c1", "c3", "p"], FEEDS) == {"c1": 16 * 256, "c3": 64 * 256, "p": 64}


def test_groups_keep_the_order_and_the_limit():
    sizes = {"a": 10, "b": 20, "c": 200, "d": 30, "e": 1}
    assert in_groups(sizes, sizes, 160) == [["a", "b"], ["c"], ["d", "e"]]
    assert in_groups(sizes, sizes, 10_000) == [list(sizes)]
    assert in_groups([], {}, 1) == []

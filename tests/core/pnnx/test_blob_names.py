"""Tensors of the source are found again among ncnn's numbered blobs."""

import numpy as np
import onnx
import pytest
from onnx import helper

from core.conversion.to_ncnn import convert_to_ncnn
from core.metrics.reference_check import ReferenceSamples
from core.ncnn.model import NcnnModel
from core.onnx_model.clean import clean
from core.pnnx.blob_names import match_blobs
from core.runtimes.ncnn import NcnnPredictor
from core.runtimes.onnx import OnnxPredictor
from ncnn_small import conv_then
from small import SIZE, conv_net


def converted(model: onnx.ModelProto, feeds, folder) -> NcnnModel:
    references: ReferenceSamples = [(feeds, OnnxPredictor(model, threads=1).run(feeds))]
    return convert_to_ncnn([model], references=references, folder=folder)


def all_tensors(model: onnx.ModelProto) -> list[str]:
    return [name for node in model.graph.node for name in node.output]


@pytest.fixture
def feeds():
    return {"input": np.random.default_rng(1).standard_normal((1, 3, SIZE, SIZE)).astype(np.float32)}


def test_blobs_hold_the_tensors_that_they_are_matched_with(tmp_path, feeds):
    model = clean(onnx.load(str(conv_net(tmp_path / "net.onnx"))))
    ncnn_model = converted(model, feeds, tmp_path / "pnnx")
    blobs = match_blobs(ncnn_model, model, feeds, all_tensors(model))
    # pnnx computes each Relu in one step with the convolution before it.
    assert set(blobs) >= {"r1", "r2", "r3", "scores"} and not {"c1", "c2", "c3"} & set(blobs)
    assert len(set(blobs.values())) == len(blobs)
    values = dict(NcnnPredictor(ncnn_model, {}, threads=1).extract(feeds, [blobs["r2"]]))[blobs["r2"]]
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    probe.graph.output.append(onnx.ValueInfoProto(name="r2"))
    assert np.allclose(values, OnnxPredictor(probe, threads=1).run(feeds)["r2"][0], atol=1e-5)


def test_of_two_similar_tensors_each_gets_its_own_blob(tmp_path):
    """The Clip changes a few values only, and both are far more similar than any other pair."""
    limits = {"low": np.float32(-1.5), "high": np.float32(100)}
    model = conv_then(
        helper.make_node("Sigmoid", ["c"], ["s"]),
        helper.make_node("Clip", ["c", "low", "high"], ["k"]),
        helper.make_node("Add", ["s", "k"], ["y"]),
        **limits,
    )
    feeds = {"x": np.random.default_rng(2).standard_normal((1, 3, 8, 8)).astype(np.float32)}
    ncnn_model = converted(model, feeds, tmp_path / "pnnx")
    blobs = match_blobs(ncnn_model, model, feeds, ["c", "s", "k", "y"])
    makers = {top: layer.type for layer in ncnn_model.param.layers for top in layer.tops}
    assert {name: makers[blob] for name, blob in blobs.items()} == {
        "c": "Convolution",
        "s": "Sigmoid",
        "k": "Clip",
        "y": "BinaryOp",
    }


def test_another_models_tensors_are_not_found(tmp_path, feeds):
    model = clean(onnx.load(str(conv_net(tmp_path / "net.onnx"))))
    ncnn_model = converted(model, feeds, tmp_path / "pnnx")
    for weight in model.graph.initializer:
        if weight.name == "w1":
            values = -onnx.numpy_helper.to_array(weight)
            weight.CopyFrom(onnx.numpy_helper.from_array(values, "w1"))
    assert match_blobs(ncnn_model, model, feeds, ["c1", "r1", "c2", "r2", "c3", "r3"]) == {}

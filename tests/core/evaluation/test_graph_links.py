"""The links between the graphs of a job."""

import pytest

from core.common.progress import silent
from core.conversion.context import ConversionContext
from core.evaluation.graph_links import graph_links
from core.inputs.images import read_folder, split
from core.ncnn.model import NcnnModel
from core.onnx_model.inspect import inspect
from core.targets import target_by_id
from small import PREPROCESSING, conv_net, pictures


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    folder = tmp_path_factory.mktemp("job")
    parts = split(read_folder(pictures(folder / "pictures", 6)))
    (folder / "work").mkdir()
    return ConversionContext(inspect(conv_net(folder / "net.onnx")), PREPROCESSING, split=parts, folder=folder / "work")


def test_each_layer_has_a_blob_that_the_ncnn_file_has(context, tmp_path):
    artifact = target_by_id("ncnn_fp16").make(context, tmp_path, silent)
    links = graph_links(context, has_ncnn=True)
    assert list(links.layers) == ["conv1", "conv2", "conv3", "fc"]
    model = NcnnModel.load(*artifact.files, inputs=artifact.inputs, outputs=artifact.outputs)
    blobs = {top for layer in model.param.layers for top in layer.tops}
    for tensors in links.layers.values():
        assert any(links.blobs.get(tensor) in blobs for tensor in tensors)


def test_without_ncnn_files_there_are_no_blobs(context):
    assert graph_links(context, has_ncnn=False).blobs == {}


def test_a_model_that_cannot_be_looked_into_costs_nothing_but_the_links(context, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError

    monkeypatch.setattr("core.evaluation.graph_links.weighted_layers", fail)
    assert graph_links(context, has_ncnn=False) is None


def test_blobs_that_cannot_be_matched_leave_the_layers(tmp_path):
    class Broken:
        prepared = None

        def __init__(self, prepared):
            self.prepared = prepared

        @property
        def blob_names(self):
            raise RuntimeError

    (tmp_path / "work").mkdir()
    parts = split(read_folder(pictures(tmp_path / "pictures", 6)))
    real = ConversionContext(
        inspect(conv_net(tmp_path / "net.onnx")), PREPROCESSING, split=parts, folder=tmp_path / "work"
    )
    links = graph_links(Broken(real.prepared), has_ncnn=True)
    assert links.blobs == {} and len(links.layers) == 4

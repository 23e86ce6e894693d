import tempfile

import numpy as np
import onnx
import pytest

from core.common.errors import ConversionError
from core.runtimes.mapped import MappedPredictor
from core.runtimes.onnx import OnnxPredictor
from small import conv_net

FEEDS = {"input": np.random.default_rng(1).standard_normal((1, 3, 32, 32)).astype(np.float32)}


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    return tmp_path / "temporary"


def test_a_mapped_model_gives_the_same_outputs_and_leaves_no_file(tmp_path, temporary):
    path = conv_net(tmp_path / "net.onnx")
    expected = OnnxPredictor(path).run(FEEDS)
    model = onnx.load(path)
    predictor = MappedPredictor(model, low_memory=True)
    assert not any(tensor.raw_data for tensor in model.graph.initializer if np.prod(tensor.dims) > 256)
    assert np.array_equal(predictor.run(FEEDS)["scores"], expected["scores"])
    predictor.close()
    assert not list(temporary.iterdir())


def test_nor_does_one_that_cannot_be_loaded(tmp_path, temporary):
    model = onnx.load(conv_net(tmp_path / "net.onnx"))
    model.graph.node[0].op_type = "Nonsense"
    with pytest.raises(ConversionError):
        MappedPredictor(model)
    assert not list(temporary.iterdir())

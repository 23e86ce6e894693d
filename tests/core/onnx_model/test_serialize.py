import onnx
import pytest
from google.protobuf.message import EncodeError

from core.common.errors import ConversionError
from core.isolation.trial import agrees
from core.onnx_model import serialize as module
from core.onnx_model.serialize import byte_size, serialize
from core.runtimes.onnx import OnnxPredictor
from small import conv_net


@pytest.fixture
def model(tmp_path):
    return onnx.load(str(conv_net(tmp_path / "net.onnx")))


def test_it_is_the_content_of_the_file(model, tmp_path):
    assert serialize(model) == (tmp_path / "net.onnx").read_bytes() and byte_size(model) == len(serialize(model))


class TooLarge:  # a real one would need the 2 GB
    def SerializeToString(self):  # noqa: N802 - protobuf's name
        raise EncodeError("Failed to serialize proto")

    ByteSize = SerializeToString


def test_what_protobuf_cannot_write_is_a_readable_error_and_larger_than_any_limit():
    with pytest.raises(ConversionError, match="2 GB"):
        serialize(TooLarge())
    assert byte_size(TooLarge()) > module.MAX_BYTES


def test_a_candidate_that_is_too_large_does_not_load(model, monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 100)
    with pytest.raises(ConversionError, match="2 GB"):
        OnnxPredictor(model)
    assert not agrees(model, [({}, {})], least=0.0)

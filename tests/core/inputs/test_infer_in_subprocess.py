import pytest

from core.common.errors import ConversionError, SourceError
from core.inputs.infer_in_subprocess import infer_in_subprocess
from core.inputs.infer_preprocessing import infer_preprocessing
from core.onnx_model.inspect import inspect
from small import conv_net, pictures


def test_the_proposal_of_the_subprocess_is_that_of_this_process(tmp_path):
    source = inspect(conv_net(tmp_path / "net.onnx", size="side"))
    images = pictures(tmp_path / "images", 4)
    assert infer_in_subprocess(source, images, size=(40, 24), timeout=60) == infer_preprocessing(
        source, images, size=(40, 24)
    )


def test_a_model_that_cannot_be_run_is_a_readable_error(tmp_path):
    path = conv_net(tmp_path / "net.onnx", size="side")
    source = inspect(path)
    path.write_bytes(b"no model")
    with pytest.raises((SourceError, ConversionError)) as caught:
        infer_in_subprocess(source, timeout=60)
    assert str(caught.value.next_step)

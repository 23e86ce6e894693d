"""The 32-bit ncnn target writes the shared conversion unchanged."""

from core.common.progress import silent
from core.conversion.context import ConversionContext
from core.inputs.images import Split
from core.ncnn.weights import write_weights
from core.onnx_model.inspect import inspect
from core.targets.ncnn_fp32 import NcnnFp32
from small import PREPROCESSING, conv_net


def test_its_files_are_those_of_the_conversion(tmp_path):
    source = inspect(conv_net(tmp_path / "net.onnx"))
    context = ConversionContext(source, PREPROCESSING, split=Split(), folder=tmp_path / "work")
    (tmp_path / "work").mkdir()
    artifact = NcnnFp32().make(context, tmp_path, silent)
    param, weights = artifact.files
    assert param.read_text(encoding="utf-8") == context.ncnn_model.param.write() and artifact.notes == ()
    assert weights.read_bytes() == write_weights(context.ncnn_model.weights)

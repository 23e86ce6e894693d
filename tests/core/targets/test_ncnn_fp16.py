"""The fp16 ncnn target: the same graph, half the weights."""

from core.common.progress import silent
from core.conversion.context import ConversionContext
from core.inputs.images import Split
from core.onnx_model.inspect import inspect
from core.targets.ncnn_fp16 import NcnnFp16
from core.targets.ncnn_fp32 import NcnnFp32
from small import PREPROCESSING, conv_net


def test_the_graph_is_that_of_32_bit_and_the_weights_are_half(tmp_path):
    source = inspect(conv_net(tmp_path / "net.onnx", classes=500))
    (tmp_path / "work").mkdir()
    context = ConversionContext(source, PREPROCESSING, split=Split(), folder=tmp_path / "work")
    (graph, weights), (fp16_graph, fp16_weights) = (
        target.make(context, tmp_path, silent).files for target in (NcnnFp32(), NcnnFp16())
    )
    assert fp16_graph.read_bytes() == graph.read_bytes()
    assert 0.5 < fp16_weights.stat().st_size / weights.stat().st_size < 0.55

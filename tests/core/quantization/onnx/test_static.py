"""The static 8-bit model as a whole."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from core.common.errors import ConversionError
from core.metrics.similarity import ModelSimilarity
from core.quantization.onnx.calibration import collect_statistics
from core.quantization.onnx.layers import add_biases, name_nodes
from core.quantization.onnx.static import QUANTIZED_OPERATORS, quantize_static
from core.runtimes.onnx import OnnxPredictor
from small import conv_net


def samples(seed, count=8):
    random = np.random.default_rng(seed)
    return [{"input": random.standard_normal((1, 3, 32, 32)).astype(np.float32)} for _ in range(count)]


def prepared(path):
    model = onnx.load(str(conv_net(path)))
    name_nodes(model)
    add_biases(model)
    return model, collect_statistics(model, samples(0), operators=QUANTIZED_OPERATORS, count=8)


@pytest.mark.parametrize("method", ["min-max", "moving-average", "percentile", "mean-square"])
def test_an_8_bit_model_is_accurate_on_unseen_samples_with_every_method(tmp_path, method):
    model, statistics = prepared(tmp_path / "net.onnx")
    made = quantize_static(model, statistics, method=method)
    quantized, excluded = made.model, made.in_float + made.weight_only
    source, made = OnnxPredictor(model, threads=1), OnnxPredictor(quantized, threads=1)
    similarity = ModelSimilarity(source.outputs)
    for sample in samples(9):
        similarity.update(source.run(sample), made.run(sample))
    assert similarity.compute()[0].sqnr_db > 20 and excluded == 0
    integers = [tensor for tensor in quantized.graph.initializer if tensor.data_type == TensorProto.INT8]
    assert len([tensor for tensor in integers if len(tensor.dims) > 1]) == 4


def test_the_float_model_is_not_changed(tmp_path):
    model, statistics = prepared(tmp_path / "net.onnx")
    before = model.SerializeToString()
    quantize_static(model, statistics)
    assert model.SerializeToString() == before


def test_a_graph_that_the_quantizer_cannot_read_is_a_readable_error(tmp_path):
    model, statistics = prepared(tmp_path / "net.onnx")
    del model.opset_import[:]
    with pytest.raises(ConversionError) as caught:
        quantize_static(model, statistics)
    assert caught.value.next_step and "opset" in str(caught.value.next_step)

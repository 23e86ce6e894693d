"""A model after GPTQ and bias correction, against the one that onnxruntime wrote."""

import numpy as np
import onnx
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationMethod, QDQQuantizer, QuantType
from onnxruntime.quantization.calibrate import TensorsData

from core.metrics.similarity import ModelSimilarity
from core.quantization.onnx.calibration import collect_statistics
from core.quantization.onnx.layers import name_nodes
from core.quantization.onnx.quantize_weights import round_weights
from core.runtimes.onnx import OnnxPredictor
from small import conv_net

OPERATORS = ("Conv", "Gemm", "Relu")


def samples(seed, count=12):
    """Smooth images: neighbouring pixels are correlated."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        yield {"input": np.kron(random.standard_normal((1, 3, 8, 8)), np.ones((1, 1, 4, 4))).astype(np.float32)}


def quantize(model, ranges):
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    pairs = {name: (np.float32(low), np.float32(high)) for name, (low, high) in ranges.items()}
    quantizer = QDQQuantizer(
        copy,
        True,
        False,
        QuantType.QInt8,
        QuantType.QUInt8,
        TensorsData(CalibrationMethod.MinMax, pairs),
        [],
        [],
        list(OPERATORS),
        {},
    )
    quantizer.quantize_model()
    return quantizer.model.model


def sqnr_db(model, other):
    source, changed = OnnxPredictor(model, threads=1), OnnxPredictor(other, threads=1)
    similarity = ModelSimilarity(source.outputs)
    for sample in samples(99):
        similarity.update(source.run(sample), changed.run(sample))
    return similarity.compute()[0].sqnr_db


def test_gptq_raises_the_sqnr_on_unseen_inputs(tmp_path):
    model = onnx.load(str(conv_net(tmp_path / "net.onnx", classes=40)))
    name_nodes(model)
    statistics = collect_statistics(model, samples(0), operators=OPERATORS, count=12)
    floats = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    quantized = quantize(model, statistics.ranges_by("min-max"))
    before, nodes, size = sqnr_db(model, quantized), len(quantized.graph.node), quantized.ByteSize()
    assert len(round_weights(quantized, statistics.moments, floats)) == 4
    assert sqnr_db(model, quantized) > before + 0.5
    assert len(quantized.graph.node) == nodes and quantized.ByteSize() == size

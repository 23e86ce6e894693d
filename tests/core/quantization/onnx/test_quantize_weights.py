"""A model after GPTQ and bias correction, against the one that onnxruntime wrote."""

import numpy as np
import onnx
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationMethod, QDQQuantizer, QuantType
from onnxruntime.quantization.calibrate import TensorsData

from core.metrics.similarity import ModelSimilarity
from core.quantization.onnx.calibrated_model import CalibratedModel
from core.quantization.onnx.calibration import collect_statistics
from core.quantization.onnx.layers import add_biases, name_nodes
from core.quantization.onnx.quantize_weights import round_weights
from core.quantization.onnx.weight_only import OUTPUT_AXES, store_weights_as_int8
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


def test_weights_for_float_are_rounded_for_the_outputs_once_and_when_they_are_asked_for(tmp_path):
    model = onnx.load(str(conv_net(tmp_path / "net.onnx", classes=40)))
    name_nodes(model)
    add_biases(model)
    statistics = collect_statistics(model, samples(0), operators=OPERATORS, count=12)
    calibrated = CalibratedModel(model, statistics)
    nearest, rounded = onnx.load(str(tmp_path / "net.onnx")), onnx.load(str(tmp_path / "net.onnx"))
    axes = {**OUTPUT_AXES, "Gemm": 1}
    assert store_weights_as_int8(nearest, axes, share=0.0) == 4
    assert store_weights_as_int8(rounded, axes, share=0.0, rounded=calibrated.weight_only) == 4
    assert sqnr_db(model, rounded) > sqnr_db(model, nearest) + 1.0
    name = next(iter(calibrated.weight_only))
    assert calibrated.weight_only[name] is calibrated.weight_only[name] and len(calibrated.weight_only) == 4
    assert "nothing" not in calibrated.weight_only
    assert len(calibrated.references) == len(statistics.held_out) > 0


def test_a_bias_that_others_read_stays_theirs(tmp_path):
    """The layer gets one of its own."""
    model = onnx.load(str(conv_net(tmp_path / "net.onnx", classes=40)))
    name_nodes(model)
    layer = next(node for node in model.graph.node if node.op_type == "Conv" and len(node.input) > 2)
    bias = layer.input[2]
    model.graph.node.append(onnx.helper.make_node("Identity", [bias], ["seen"]))
    model.graph.output.append(onnx.ValueInfoProto(name="seen"))
    values = next(numpy_helper.to_array(one) for one in model.graph.initializer if one.name == bias)
    statistics = collect_statistics(model, samples(0), operators=OPERATORS, count=12)
    store_weights_as_int8(model, share=0.0, rounded=CalibratedModel(model, statistics).weight_only)
    assert layer.input[2] != bias
    kept = next(numpy_helper.to_array(one) for one in model.graph.initializer if one.name == bias)
    assert np.array_equal(kept, values)

"""Sensitive layers are found and excluded from 8 bit."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.numpy_helper import to_array

from core.job.comparison import OutputDifference
from core.metrics.similarity import ModelSimilarity
from core.onnx_model.serialize import byte_size
from core.quantization.onnx import sensitivity
from core.quantization.onnx import static as static_module
from core.quantization.onnx.calibration import collect_statistics
from core.quantization.onnx.layers import add_biases, name_nodes
from core.quantization.onnx.quantize_weights import copy_rounded, round_weights
from core.quantization.onnx.sensitivity import Precisions, noise_ratio, select_precisions
from core.quantization.onnx.static import quantize_static
from core.runtimes.onnx import OnnxPredictor
from small import save

OPERATORS = ("Conv", "Relu")


def chain(path, *, outlier=1.0):
    """Three convolutions; one channel of the depthwise one in the middle is ``outlier`` times the others."""
    random = np.random.default_rng(5)

    def weight(name, *shape):
        return numpy_helper.from_array((random.standard_normal(shape) / np.sqrt(shape[1] * 2)).astype(np.float32), name)

    first, middle, last = weight("w1", 16, 3, 3, 3), weight("w2", 16, 1, 3, 3), weight("w3", 64, 16, 1, 1)
    scale = np.ones((16, 1, 1, 1), np.float32)
    scale[0] = outlier
    middle = numpy_helper.from_array(numpy_helper.to_array(middle) * scale, "w2")
    last = numpy_helper.from_array(numpy_helper.to_array(last) / scale.reshape(1, 16, 1, 1), "w3")
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["a"], "first", pads=[1] * 4),
        helper.make_node("Relu", ["a"], ["b"], "relu"),
        helper.make_node("Conv", ["b", "w2"], ["c"], "middle", pads=[1] * 4, group=16),
        helper.make_node("Relu", ["c"], ["d"], "relu2"),
        helper.make_node("Conv", ["d", "w3"], ["e"], "last"),
        helper.make_node("Sigmoid", ["e"], ["y"], "squash"),
    ]
    shape = [1, 3, 16, 16]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 64, 16, 16])]
    model = onnx.load(str(save(nodes, inputs, outputs, [first, middle, last], path)))
    name_nodes(model)
    add_biases(model)
    return model


def samples(seed=0, count=6):
    random = np.random.default_rng(seed)
    return [{"x": random.standard_normal((1, 3, 16, 16)).astype(np.float32)} for _ in range(count)]


def static(model, **options):
    return quantize_static(model, collect_statistics(model, samples(), operators=OPERATORS, count=6), **options)


def noise(model, other):
    """Noise ratio of the other model's output on inputs that neither has seen."""
    source, changed = OnnxPredictor(model, threads=1), OnnxPredictor(other, threads=1)
    similarity = ModelSimilarity(source.outputs)
    for sample in samples(9):
        similarity.update(source.run(sample), changed.run(sample))
    return noise_ratio(similarity.compute()[0])


def test_a_model_that_is_accurate_in_8_bit_excludes_no_layer(tmp_path):
    made = static(chain(tmp_path / "net.onnx"))
    assert made.in_float == made.weight_only == 0
    assert "Clip" not in {node.op_type for node in made.model.graph.node}


def test_the_most_sensitive_layers_stay_in_float(tmp_path, monkeypatch):
    limits = {"hardly": replace(sensitivity._OUTPUT_LIMITS["hardly"], budgets=((0.8, 0.0),))}
    monkeypatch.setattr(sensitivity, "_OUTPUT_LIMITS", limits)
    model = chain(tmp_path / "net.onnx", outlier=300.0)
    made = static(model)
    mixed = made.model
    monkeypatch.setattr("core.quantization.onnx.static.select_precisions", lambda *_, **__: Precisions())
    whole = static(model).model
    assert made.in_float + made.weight_only == 2  # the outlier is in the output of one and in the input of the other
    assert noise(model, mixed) < 0.5 * noise(model, whole)


def test_layers_are_computed_in_float_before_their_weights_stay_in_float(tmp_path, monkeypatch):
    """Activations alone are at fault: a sum of large numbers that cancel, of which 8 bit leaves nothing."""
    work = {"hardly": replace(sensitivity._OUTPUT_LIMITS["hardly"], work=((1.0, 0.0),))}
    monkeypatch.setattr(sensitivity, "_OUTPUT_LIMITS", work)
    model = chain(tmp_path / "net.onnx", outlier=300.0)
    made = static(model)
    assert made.weight_only >= 1
    stored = {tensor.name: tensor for tensor in made.model.graph.initializer if tensor.name.endswith("__weights_int8")}
    assert len(stored) == made.weight_only
    assert noise(model, made.model) < 0.02


def test_without_layers_or_samples_nothing_is_excluded(tmp_path):
    model = chain(tmp_path / "net.onnx")
    assert select_precisions(model, {}, {}, samples()) == Precisions()
    assert select_precisions(model, {}, {}, []) == Precisions()


def test_a_sample_without_findings_does_not_dominate(tmp_path):
    """Its output has next to no power, so that any difference is a thousand times as much."""
    similarity = ModelSimilarity(["y"])
    found, nothing = np.ones((1, 8), np.float32), np.full((1, 8), 1e-6, np.float32)
    similarity.update({"y": found}, {"y": found * 1.01})
    similarity.update({"y": nothing}, {"y": nothing * 50})
    assert noise_ratio(similarity.compute()[0]) == pytest.approx(1e-4, rel=0.01)


def test_the_noise_of_scores_counts_though_boxes_have_more_power():
    scores = OutputDifference("y", 0.9, sqnr_db=7.0, largest=0.5)
    assert noise_ratio(OutputDifference("y", 0.9999, 40.0, 2.0, scores=scores)) == pytest.approx(10**-0.7)


def test_nan_is_infinite_noise():
    similarity = ModelSimilarity(["y"])
    similarity.update({"y": np.ones((1, 8), np.float32)}, {"y": np.full((1, 8), np.nan, np.float32)})
    assert noise_ratio(similarity.compute()[0]) == np.inf


def test_a_smaller_and_a_closer_model_are_made_on_request(tmp_path, monkeypatch):
    limits = {"hardly": replace(sensitivity._OUTPUT_LIMITS["hardly"], budgets=(), work=((1.0, 0.0),))}
    monkeypatch.setattr(sensitivity, "_OUTPUT_LIMITS", limits)
    monkeypatch.setattr(sensitivity, "_CLOSER_BUDGETS", ((1.0, 0.0),))  # there are few layers
    model = chain(tmp_path / "net.onnx", outlier=300.0)
    assert static(model).smaller is None and static(model).closer is None
    made = static(model, others=True)
    assert made.weight_only > 0 and made.smaller.in_float == made.smaller.weight_only == 0
    assert made.closer.in_float > made.in_float
    closer, chosen, smaller = (noise(model, one.model) for one in (made.closer, made, made.smaller))
    assert closer < chosen < smaller
    assert byte_size(made.closer.model) > byte_size(made.model)


def test_a_closer_model_is_made_where_the_noise_shows_no_gain(tmp_path, monkeypatch):
    """The answers on more samples decide between the two."""
    limits = {"hardly": replace(sensitivity._OUTPUT_LIMITS["hardly"], budgets=(), work=((1.0, 0.0),))}
    monkeypatch.setattr(sensitivity, "_OUTPUT_LIMITS", limits)
    monkeypatch.setattr(sensitivity, "_CLOSER_BUDGETS", ((1.0, 0.0),))
    monkeypatch.setattr(sensitivity, "_CLOSER", 1e9)  # so that nothing with less noise is looked for
    made = static(chain(tmp_path / "net.onnx", outlier=300.0), others=True)
    assert made.closer.in_float == 3 > made.in_float


def test_layers_that_stay_in_8_bit_keep_their_rounded_weights(tmp_path):
    """Taken over from the model in which all are, they are what rounding once more would give."""
    model = chain(tmp_path / "net.onnx")
    statistics = collect_statistics(model, samples(), operators=OPERATORS, count=6)
    ranges, floats = statistics.ranges_by("mean-square"), {one.name: to_array(one) for one in model.graph.initializer}
    whole, taken, again = (static_module._quantize(model, ranges, part) for part in ((), ("first",), ("first",)))
    round_weights(whole, statistics.moments, floats)
    copy_rounded(whole, taken)
    round_weights(again, statistics.moments, floats)
    assert taken.SerializeToString() == again.SerializeToString()

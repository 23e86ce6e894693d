"""A detector's sensitivity is measured in objects, on the samples that show most of them."""

import math

import numpy as np
import onnx
import pytest

from core.common.progress import silent
from core.conversion.context import ConversionContext
from core.conversion.sensitivity import find_prediction_noise
from core.inputs.images import Split, read_folder, split
from core.job.job import Job
from core.onnx_model.inspect import inspect
from core.preprocessing import Placement, Preprocessing
from core.quantization.ncnn import plan
from core.quantization.onnx import dynamic, static
from core.runner import recognize_task_of
from core.runtimes.onnx import OnnxPredictor
from core.targets import target_by_id
from detectors import topk_detector
from small import SIZE, conv_net, pictures


def context_of(tmp_path, build):
    path, images = build(tmp_path / "m.onnx"), pictures(tmp_path / "images", 24)
    preprocessing = Preprocessing((SIZE, SIZE), fit="stretch")
    context = ConversionContext(
        inspect(path), preprocessing, split=split(read_folder(images)), folder=tmp_path / "work"
    )
    context.task = recognize_task_of(Job(path, (), preprocessing, tmp_path, images=images), context)
    return context


def test_the_samples_are_those_with_the_surest_objects(tmp_path):
    context = context_of(tmp_path, topk_detector)
    noise = context.prediction_noise
    assert context.task.name == "detection" and len(noise.samples) == 12
    head, powers = OnnxPredictor(context.cut.head), []
    for feeds in context.calibration_feeds(silent):
        prediction = noise.predict(feeds, head.run(feeds))
        powers.append(float(np.square(prediction.scores.astype(np.float64)).sum()))
    ranked = sorted(range(len(powers)), key=lambda number: -powers[number])
    assert list(noise.samples) == ranked


def test_it_grows_with_the_error_and_is_infinite_for_nan(tmp_path):
    context = context_of(tmp_path, topk_detector)
    noise, head = context.prediction_noise, OnnxPredictor(context.cut.head)
    feeds = next(context.calibration_feeds(silent))
    outputs = head.run(feeds)
    random = np.random.default_rng(0)
    directions = {name: random.standard_normal(tensor.shape) for name, tensor in outputs.items()}

    def measured(step):
        changed = {name: (tensor + step * directions[name]).astype(np.float32) for name, tensor in outputs.items()}
        made, power = noise.measure(noise.predict(feeds, outputs), noise.predict(feeds, changed))
        return made / power

    ratios = [measured(step) for step in (0.0, 0.001, 0.01, 0.1)]
    assert ratios[0] == 0.0 and ratios == sorted(ratios) and ratios[1] < ratios[3]
    assert measured(math.nan) == math.inf


def test_of_a_classifier_the_outputs_say_it(tmp_path):
    assert context_of(tmp_path, conv_net).prediction_noise is None


def test_where_nothing_is_found_the_outputs_say_it(tmp_path):
    context = context_of(tmp_path, topk_detector)
    empty = np.zeros((1, 1, 6), np.float32)

    class Blind:
        def run(self, feeds):
            return {"dets": empty}

    def predict(feeds, outputs):
        return context.task.decode(outputs, Placement.identity((SIZE, SIZE)))

    feeds = context.calibration_feeds(silent)
    assert find_prediction_noise(context.task.noise, predict, Blind(), feeds, count=12) is None


def test_samples_that_cannot_be_decoded_cost_nothing(tmp_path):
    context = context_of(tmp_path, topk_detector)
    calls = []

    def predict(feeds, outputs):
        calls.append(feeds)
        if len(calls) == 1:
            raise IndexError("not made for this")
        return context.task.decode(outputs, Placement.identity((SIZE, SIZE)))

    source, feeds = OnnxPredictor(context.source.path), context.calibration_feeds(silent)
    noise = find_prediction_noise(context.task.noise, predict, source, feeds, count=12)
    assert 0 not in noise.samples and len(noise.samples) == 11
    assert noise.measure(None, None) == (0.0, 0.0)  # not in float either
    assert noise.measure(noise.predict(calls[1], source.run(calls[1])), None)[0] == math.inf


def test_candidates_are_measured_by_their_objects(tmp_path):
    context = context_of(tmp_path, topk_detector)
    exact = context.prepared.clean.read()
    coarse, broken = context.prepared.clean.read(), context.prepared.clean.read()
    for tensor in coarse.graph.initializer:
        if len(tensor.dims) > 1 and tensor.data_type == onnx.TensorProto.FLOAT:
            values = onnx.numpy_helper.to_array(tensor)
            step = np.abs(values).max() / 7  # 4 bit
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.rint(values / step) * step, tensor.name))
    broken.graph.node[0].op_type = "Nothing"
    ratios = [context.candidate_noise.ratio(model) for model in (exact, coarse, broken)]
    assert ratios[0] < 1e-6 < ratios[1] < math.inf == ratios[2]


def test_dynamic_8_bit_is_made_by_the_noise_of_objects(tmp_path, monkeypatch):
    """The less it may change, the more weights are stored in 16 bit."""
    context, halves = context_of(tmp_path, topk_detector), []
    for number, limit in enumerate((1.0, 0.0)):
        monkeypatch.setitem(dynamic._SUFFICIENT_PREDICTION_NOISE, context.change, limit)
        (tmp_path / str(number)).mkdir()
        (file,) = target_by_id("onnx_quan_dy").make(context, tmp_path / str(number), silent).files
        tensors = [one for one in onnx.load(file).graph.initializer if one.data_type == onnx.TensorProto.FLOAT16]
        halves.append(sum(math.prod(one.dims) for one in tensors))
    assert halves[0] < halves[1]


def test_without_examples_candidates_have_no_objects_to_show(tmp_path):
    context = context_of(tmp_path, topk_detector)
    context.split = Split()
    assert context.candidate_noise is None


@pytest.mark.parametrize(
    ("target", "module", "function"),
    [
        ("onnx_quan_st", static, "select_precisions"),
        ("onnx_quan_st", static, "noise_of_ranges"),
        ("ncnn_quan", plan, "measure_sensitivity"),
    ],
)
def test_both_quantisers_measure_it(tmp_path, monkeypatch, target, module, function):
    context, calls, real = context_of(tmp_path, topk_detector), [], getattr(module, function)

    def recorded(*arguments, **named):
        calls.append((arguments[-2], arguments[-1]))
        return real(*arguments, **named)

    monkeypatch.setattr(module, function, recorded)
    (tmp_path / "made").mkdir()
    target_by_id(target).make(context, tmp_path / "made", silent)
    every = list(context.calibration_feeds(silent))
    wanted = {every[number]["images"].tobytes() for number in context.prediction_noise.samples}
    assert calls
    for samples, noise in calls:
        assert noise is context.prediction_noise
        assert samples and {sample["images"].tobytes() for sample in samples} <= wanted

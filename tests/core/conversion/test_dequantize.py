"""A quantised source in float: what counts as close enough, and what everything is then compared with."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import helper

from core.common.errors import ConversionError, TargetRefused
from core.conversion.context import ConversionContext
from core.conversion.dequantize import DEQUANTIZED, dequantize_source
from core.conversion.prepare import run_source
from core.inputs.images import Split
from core.metrics.similarity import least_cosine_through
from core.onnx_model.inspect import inspect
from core.preflight.preflight import check_targets
from core.runtimes.predictor import Tensor
from core.targets import TARGETS
from core.targets.source_rules import refuse_if_8_bit
from quantized import quantized
from rewritten import constant, model_of, node, value
from small import PREPROCESSING, conv_net, save


def context_of(path, folder, **options):
    return ConversionContext(replace(inspect(path), **options), PREPROCESSING, split=Split(), folder=folder)


@pytest.mark.parametrize("kind", ["qdq-unsigned", "qoperator-unsigned", "dynamic-signed"])
def test_targets_start_from_the_float_model_and_are_tried_against_it(kind, tmp_path):
    context = context_of(quantized(tmp_path / "q.onnx", kind), tmp_path, dequantize=True)
    assert not context.normalized.is_exact and 0.99 < context.normalized.cosine < 1
    assert context.notes == (DEQUANTIZED,)
    ((feeds, reference), *_) = context.references
    source = run_source(context.source.path, feeds)["scores"]
    original = run_source(tmp_path / "float.onnx", feeds)["scores"]
    assert 0 < distance(reference["scores"], source) < 0.1 and distance(reference["scores"], original) < 0.1


def distance(made: Tensor, expected: Tensor) -> float:
    return float(np.abs(made - expected).max() / np.abs(expected).max())


def test_a_float_model_stays_as_it_is(tmp_path):
    context = context_of(conv_net(tmp_path / "net.onnx"), tmp_path, dequantize=True)
    assert context.normalized.is_exact and not context.normalized.notes


def test_activations_are_clipped_where_their_ranges_mean_something():
    """A hard tanh that was removed, since the range of 8 bit cuts off at -1 and 1 anyway."""
    nodes = [
        node("MatMul", ["x", "w"], ["m"]),
        node("QuantizeLinear", ["m", "s", "z"], ["q"]),
        node("DequantizeLinear", ["q", "s", "z"], ["y"]),
    ]
    weights = [constant("w", 4, 50), onnx.numpy_helper.from_array(np.float32(1 / 128), "s")]
    weights.append(onnx.numpy_helper.from_array(np.int8(0), "z"))
    model = model_of(nodes, [value("x", [1, 4])], [value("y", [1, 50])], weights)
    feeds = {"x": np.array([[9, -5, 3, 1]], np.float32)}
    expected = {"y": np.clip(feeds["x"] @ onnx.numpy_helper.to_array(weights[0]), -1, 1)}
    found = dequantize_source(model, feeds, expected)
    assert found is not None and found.cosine > 0.999
    assert [one.op_type for one in found.model.graph.node] == ["MatMul", "Clip", "Identity"]


def test_a_float_model_with_other_answers_is_refused_in_words():
    nodes = [node("QuantizeLinear", ["x", "s"], ["q"]), node("DequantizeLinear", ["q", "s"], ["y"])]
    weights = [onnx.numpy_helper.from_array(np.float32(0.4), "s")]
    model = model_of(nodes, [value("x", [1, 4])], [value("y", [1, 4])], weights)
    feeds = {"x": np.array([[0.19, 0.19, 0.19, 0.21]], np.float32)}
    with pytest.raises(ConversionError, match="other answers than in 8 bit") as caught:
        dequantize_source(model, feeds, {"y": np.array([[0, 0, 0, 0.4]], np.float32)})
    assert "before it was quantised" in str(caught.value.next_step)


def test_what_a_file_must_keep_allows_for_the_way_through_the_float_model():
    assert least_cosine_through(1.0, 0.9) == 0.9
    assert 0.99 < least_cosine_through(0.9999, 0.999) < 0.999
    assert least_cosine_through(0.99, 0.9) < least_cosine_through(0.999, 0.9) < 0.9


@pytest.mark.parametrize("kind", ["qdq-signed", "qoperator-unsigned", "dynamic-unsigned"])
def test_preflight_judges_what_is_left(kind, tmp_path):
    source = inspect(quantized(tmp_path / "q.onnx", kind))
    assert {one.status for one in check_targets(source)} == {"cannot"}
    results = check_targets(replace(source, dequantize=True))
    assert len(results) == len(TARGETS) and {one.status for one in results} == {"works"}
    sizes = {one.target: one.size_bytes for one in results}
    assert sizes["ncnn"] - sizes["onnx_quan_st"] > 2.5 * source.parameters


def test_the_refusal_offers_it(tmp_path):
    source = inspect(quantized(tmp_path / "q.onnx", "qdq-unsigned"))
    with pytest.raises(TargetRefused) as caught:
        refuse_if_8_bit(source)
    assert "--dequantize" in str(caught.value.next_step)
    refuse_if_8_bit(replace(source, dequantize=True))


def test_steps_that_cannot_be_turned_back_are_named(tmp_path):
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "other"], ["d"]),
        helper.make_node("MatMul", ["d", "w"], ["y"]),
    ]
    weights = [onnx.numpy_helper.from_array(np.float32(one), name) for one, name in ((0.1, "s"), (0.2, "other"))]
    path = save(nodes, [value("x", [1, 4])], [value("y", [1, 5])], [*weights, constant("w", 4, 5)], tmp_path / "q.onnx")
    with pytest.raises(TargetRefused, match="DequantizeLinear, QuantizeLinear"):
        refuse_if_8_bit(replace(inspect(path), dequantize=True))

"""The search for the nodes that must stay in float32."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.common.errors import ConversionError
from core.common.progress import silent
from core.fp16.node_search import search_fp16_nodes
from core.isolation.trial import agrees
from core.runtimes.onnx import OnnxPredictor
from fp16_graphs import FEEDS, GRAPHS, constant, model, overflow, references, tensor
from small import save


def search(original, **options):
    return search_fp16_nodes(original, references(original), least=0.9999, progress=silent, **options)


def test_few_trials_find_one_node_among_many():
    """Two for each halving: of 40 layers, one exceeds fp16."""
    nodes, weights, last = [], [constant("large", 1e5), constant("small", 1e-5)], "x"
    for number in range(40):
        weights.append(tensor(f"w{number}", 4, 4, 1, 1, scale=0.5))
        nodes.append(helper.make_node("Conv", [last, f"w{number}"], [f"t{number}"]))
        last = f"t{number}"
        if number == 20:
            nodes.append(helper.make_node("Mul", [last, "large"], ["huge"]))
            nodes.append(helper.make_node("Mul", ["huge", "small"], ["back"]))
            last = "back"
    nodes.append(helper.make_node("Identity", [last], ["y"]))
    original, calls = model(nodes, weights), []
    found = search_fp16_nodes(
        original, references(original), least=0.999, progress=lambda share, message: calls.append(share)
    )
    assert set(found.kept) == {"Mul"} and found.candidates == 43
    assert len(calls) <= 16


@pytest.mark.parametrize("make", GRAPHS)
def test_any_graph_agrees_with_its_source(make):
    original = make()
    before = original.SerializeToString()
    found = search(original)
    expected, outputs = OnnxPredictor(original).run(FEEDS), OnnxPredictor(found.model).run(FEEDS)
    assert np.abs(outputs["y"] - expected["y"]).max() <= 0.005 * np.abs(expected["y"]).max()
    assert outputs["y"].dtype == np.float32 and original.SerializeToString() == before


@pytest.mark.parametrize("make", [make for make in GRAPHS if make is not overflow])
def test_nothing_stays_in_float32_without_need(make):
    assert not search(make()).kept


def test_only_what_overflows_stays_in_float32():
    found = search(overflow())
    assert set(found.kept) == {"Mul"} and found.candidates == 6


def test_when_the_time_is_over_the_best_result_so_far_is_taken():
    """The answers are never kept but where everything is in float, so that a search is needed."""
    original, calls = overflow(), []
    found = search_fp16_nodes(
        original,
        references(original),
        least=0.9999,
        keeps_answers=lambda outputs: bool(calls.append(outputs)) or len(calls) > 1,
        progress=silent,
        seconds=0,
    )
    assert len(found.kept) == found.candidates == 6
    assert {tensor.data_type for tensor in found.model.graph.initializer if len(tensor.dims) == 4} == {
        TensorProto.FLOAT16
    }


def test_weights_that_fp16_cannot_hold_are_a_readable_error():
    """A sum of large stored weights that nearly cancel out."""
    rows = np.float32(2048) + np.tile(np.float32([0.25, -0.25]), 128).reshape(1, 4, 8, 8)
    nodes = [
        helper.make_node("Sub", ["w", "base"], ["small"]),
        helper.make_node("Mul", ["x", "small"], ["y"]),
    ]
    with pytest.raises(ConversionError) as caught:
        search(model(nodes, [constant("w", rows), constant("base", 2048.0)]))
    assert str(caught.value.next_step)


def encoder_with_the_sequence_first(path):
    """As PyTorch exports an encoder with batch_first=False; in fp16, some versions of onnxruntime crash on it."""
    random = np.random.default_rng(3)
    weights = {
        **{name: random.standard_normal((16, 16)).astype(np.float32) / 4 for name in ("w1", "w2")},
        "scale": np.ones(16, np.float32),
        "bias": np.zeros(16, np.float32),
    }
    nodes = [
        helper.make_node("LayerNormalization", ["x", "scale", "bias"], ["n"], "norm", axis=-1),
        helper.make_node("Transpose", ["n"], ["t"], "transpose", perm=[1, 0, 2]),
        helper.make_node("MatMul", ["t", "w1"], ["m"], "product"),
        helper.make_node("Relu", ["m"], ["r"], "relu"),
        helper.make_node("MatMul", ["r", "w2"], ["y"], "second_product"),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 10, 16])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [10, 1, 16])]
    initializers = [numpy_helper.from_array(values, name) for name, values in weights.items()]
    return save(nodes, inputs, outputs, initializers, path, opset=17)


def test_a_crash_of_the_runtime_keeps_single_nodes_in_float32(tmp_path):
    model = onnx.load(str(encoder_with_the_sequence_first(tmp_path / "encoder.onnx")))
    random = np.random.default_rng(4)
    feeds = [{"x": random.standard_normal((1, 10, 16)).astype(np.float32)} for _ in range(2)]
    predictor = OnnxPredictor(model, threads=1)
    references = [(one, predictor.run(one)) for one in feeds]
    found = search_fp16_nodes(model, references, least=0.999, progress=silent)
    assert found.candidates == 5 and len(found.kept) <= 1
    assert agrees(found.model, references, least=0.999)

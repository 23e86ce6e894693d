"""Values near the end of 16-bit floats: found inside a model, whatever its outputs are."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.common.progress import silent
from core.fp16.candidates import fp16_candidates
from core.fp16.large_values import FEATURE_MASK, LIMIT, keep_large_in_32_bit, nodes_with_large_values
from core.fp16.node_search import search_fp16_nodes
from core.ncnn.param import parse_param
from core.onnx2ncnn.convert import convert_onnx
from core.runtimes.ncnn import NcnnPredictor
from core.runtimes.onnx import OnnxPredictor

FEEDS = {"x": np.random.default_rng(0).random((1, 4, 8, 8)).astype(np.float32)}


def net(factor: float, *, middle=("Relu", {})) -> onnx.ModelProto:
    """Convolutions w1, w2, w3 in a row; only between the first and the last one the values are this much larger."""
    random = np.random.default_rng(1)
    weights = [
        numpy_helper.from_array((scale * random.standard_normal((4, 4, 1, 1))).astype(np.float32), name)
        for name, scale in (("w1", factor), ("w2", 1.0), ("w3", 1 / factor))
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["a"], "first"),
        helper.make_node(middle[0], ["a"], ["b"], "middle", **middle[1]),
        helper.make_node("Conv", ["b", "w3"], ["c"], "last"),
        helper.make_node("Conv", ["c", "w2"], ["d"], "after"),
        helper.make_node("Sigmoid", ["d"], ["y"], "end"),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4, 8, 8])]
    shape = OnnxPredictor(_model(nodes, inputs, [helper.make_empty_tensor_value_info("y")], weights)).run(FEEDS)["y"]
    return _model(nodes, inputs, [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape.shape)], weights)


def _model(nodes, inputs, outputs, weights):
    graph = helper.make_graph(nodes, "net", inputs, outputs, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def names(model, indices):
    return {model.graph.node[index].name for index in indices}


@pytest.mark.parametrize("factor", [1e5, 1e7])
def test_what_reads_or_makes_large_values_is_found(factor):
    model = net(factor)
    assert names(model, nodes_with_large_values(model, [FEEDS])) == {"first", "middle", "last"}


def test_values_far_from_the_end_are_none():
    model = net(LIMIT / 100)
    assert not nodes_with_large_values(model, [FEEDS])


def test_they_stay_in_float_though_the_outputs_agree_here():
    model = net(1e5)
    references = [(FEEDS, OnnxPredictor(model).run(FEEDS))]
    found = search_fp16_nodes(model, references, least=0.999, progress=silent)
    assert sorted(found.kept) == ["Conv", "Conv", "Relu"] and found.candidates == 5
    types = {node.name: node.input[0] for node in found.model.graph.node}
    assert types["first"] == "x" and types["after"] != "c"


def test_the_same_layers_of_ncnn_do_without_16_bit_and_the_others_do_not():
    model = convert_onnx(net(1e5), FEEDS)
    kept = keep_large_in_32_bit(model, [FEEDS])
    masks = [layer.integer(FEATURE_MASK) for layer in kept.param.layers if layer.type != "Input"]
    assert masks[-1] == 0 and set(masks) == {0, 3} and masks == sorted(masks, reverse=True)
    assert "Dropout" not in [layer.type for layer in kept.param.layers]  # what is fed is in 32 bit already
    assert keep_large_in_32_bit(convert_onnx(net(1.0), FEEDS), [FEEDS]).param.write() == (
        convert_onnx(net(1.0), FEEDS).param.write()
    )


def test_a_mask_that_a_layer_has_is_kept():
    model = convert_onnx(net(1e5), FEEDS)
    masked = model.edited(lambda _, layer, arrays: (layer.with_param(FEATURE_MASK, "64"), arrays))
    masks = {layer.integer(FEATURE_MASK) for layer in keep_large_in_32_bit(masked, [FEEDS]).param.layers}
    assert masks == {64, 64 | 3}


@pytest.mark.parametrize(
    ("middle", "is_candidate"),
    [
        (("GlobalAveragePool", {}), False),
        (("AveragePool", {"kernel_shape": [7, 7]}), False),
        (("AveragePool", {"kernel_shape": [2, 2]}), True),
    ],
)
def test_an_average_over_many_values_stays_in_float_since_its_sum_is_16_bit_on_arm(middle, is_candidate):
    model = net(1.0, middle=middle)
    assert ("middle" in names(model, fp16_candidates(model))) == is_candidate


def test_ncnn_converts_what_such_a_layer_reads_only_before_a_layer_that_has_no_16_bit():
    """Without the Dropout, ncnn would hand it a 16-bit blob, and it would read past its end."""
    original = net(1e5)
    for node in original.graph.node:  # the small convolution comes first
        node.input[0] = {"x": "e", "c": "x"}.get(node.input[0], node.input[0])
    nodes = list(original.graph.node)
    nodes[3].output[0], nodes[4].input[0] = "e", "c"
    del original.graph.node[:]
    original.graph.node.extend([nodes[3], *nodes[:3], nodes[4]])
    model = convert_onnx(original, FEEDS)
    kept = keep_large_in_32_bit(model, [FEEDS])
    types = [layer.type for layer in kept.param.layers]
    assert types.count("Dropout") == 1 and types[types.index("Dropout") - 1].startswith("Convolution")
    after = kept.param.layers[types.index("Dropout") + 1]
    assert after.integer(FEATURE_MASK) == 3 and after.bottoms == kept.param.layers[types.index("Dropout")].tops
    expected = OnnxPredictor(original).run(FEEDS)
    written = parse_param(kept.param.write())
    made = NcnnPredictor(replace(kept, param=written), expected, threads=1).run(FEEDS)
    np.testing.assert_allclose(made["y"], expected["y"], rtol=1e-3)


def test_infinity_before_a_maximum_is_no_large_value():
    nodes = [
        helper.make_node("Where", ["mask", "x", "never"], ["m"], "masked"),
        helper.make_node("Softmax", ["m"], ["y"], "end", axis=-1),
    ]
    weights = [
        numpy_helper.from_array(np.array([True] * 5 + [False] * 3), "mask"),
        numpy_helper.from_array(np.array(-1e9, np.float32), "never"),
    ]
    shape = [1, 4, 8, 8]
    ends = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)] for name in ("x", "y")]
    model = _model(nodes, *ends, weights)
    assert not nodes_with_large_values(model, [FEEDS])
    assert names(model, nodes_with_large_values(model, [{"x": 1e5 * FEEDS["x"]}])) == {"masked", "end"}

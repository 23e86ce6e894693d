"""Which nodes may compute in fp16."""

import pytest

from core.fp16.candidates import fp16_candidates, takes_fp16
from core.onnx_model.graph import opset
from fp16_graphs import casts, computed_size, overflow, resize, shared_weights, weights_in_a_branch


@pytest.mark.parametrize(
    ("make", "operators"),
    [
        (overflow, ["Conv", "Relu", "Mul", "Mul", "Conv", "Relu"]),
        (computed_size, ["Expand", "ReduceSum", "Mul", "Add"]),
        (casts, ["Cast", "Mul"]),
        (resize, ["Relu", "Resize", "Conv"]),
        (shared_weights, ["Add", "ReduceMax"]),
        (weights_in_a_branch, ["ReduceSum"]),
    ],
)
def test_nodes_with_float_results_are_candidates_and_sizes_integers_and_branches_are_not(make, operators):
    model = make()
    assert [model.graph.node[index].op_type for index in fp16_candidates(model)] == operators


def test_the_scales_of_resize_stay_in_float32():
    model = resize()
    node = next(node for node in model.graph.node if node.op_type == "Resize")
    assert takes_fp16(node, 0, opset(model)) and not takes_fp16(node, 2, opset(model))

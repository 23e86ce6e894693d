"""Branches and loops whose course is known before the model runs."""

import numpy as np
import pytest
from onnx import TensorProto, numpy_helper

from core.onnx_model.normalize.branches import fold_branches
from rewritten import constant, graph_of, model_of, node, operators, rewritten, scalar, unchanged, value

BOOL, INT = TensorProto.BOOL, TensorProto.INT64


def ints(name, *numbers):
    return numpy_helper.from_array(np.array(numbers, np.int64), name)


def branch(operator, inputs, output, weights=()):
    return graph_of([node(operator, inputs, [output])], [value(output, None)], weights=weights)


def choice(condition, then, other, *, nodes=(), weights=(), shape=(2, 3), opset=17):
    last = node("If", [condition], ["y"], then_branch=then, else_branch=other)
    return model_of(
        [node("Relu", ["x"], ["r"]), *nodes, last], [value("x", list(shape))], [value("y", None)], weights, opset=opset
    )


@pytest.mark.parametrize("flag", [True, False])
def test_the_taken_branch_reads_outer_tensors_and_its_own_constants(flag):
    then = branch("Add", ["r", "c"], "t", [constant("c", 3)])
    other = branch("Mul", ["r", "c2"], "e", [constant("c2", 3)])
    made = rewritten(choice("flag", then, other, weights=[scalar("flag", flag, np.bool_)]), fold_branches)
    assert operators(made) == ["Relu", "Add" if flag else "Mul"]


def test_two_branches_with_the_same_names_inside():
    inner = [node("Neg", ["r"], ["n"]), node("Exp", ["n"], ["t"])]
    then = graph_of(inner, [value("t", None)])
    nodes = [node("If", ["flag"], ["a"], then_branch=then, else_branch=then)]
    last = node("Add", ["a", "b"], ["y"])
    nodes = [node("Relu", ["x"], ["r"]), *nodes, node("If", ["flag"], ["b"], then_branch=then, else_branch=then), last]
    model = model_of(nodes, [value("x", [2, 3])], [value("y", None)], [scalar("flag", True, np.bool_)])
    assert "If" not in operators(rewritten(model, fold_branches))


def test_a_branch_that_hands_out_an_outer_tensor_a_constant_and_one_twice():
    inner = graph_of([node("Neg", ["r"], ["n"])], [value(name, None) for name in ("r", "c", "n", "n")],
                     weights=[constant("c", 3)])  # fmt: skip
    inner.output[0].name = "r"
    copies = graph_of(
        [node("Identity", ["r"], ["o"]), node("Neg", ["r"], ["n"]), node("Identity", ["n"], ["m"])],
        [value("o", None), value("c", None), value("n", None), value("m", None)], weights=[constant("c", 3)],
    )  # fmt: skip
    last = node("If", ["flag"], ["p", "q", "s", "t"], then_branch=copies, else_branch=copies)
    total = node("Sum", ["p", "q", "s", "t"], ["y"])
    model = model_of(
        [node("Relu", ["x"], ["r"]), last, total], [value("x", [2, 3])], [value("y", None)],
        [scalar("flag", True, np.bool_)],
    )  # fmt: skip
    rewritten(model, fold_branches)


def test_nested_branches():
    deep = node("If", ["flag"], ["d"], then_branch=branch("Exp", ["n"], "t2"), else_branch=branch("Neg", ["n"], "e2"))
    then = graph_of([node("Neg", ["r"], ["n"]), deep], [value("d", None)])
    model = choice("flag", then, branch("Abs", ["r"], "e"), weights=[scalar("flag", True, np.bool_)])
    assert operators(rewritten(model, fold_branches)) == ["Relu", "Neg", "Exp"]


def test_a_branch_within_a_branch_that_stays():
    deep = node("If", ["flag"], ["d"], then_branch=branch("Exp", ["r"], "t2"), else_branch=branch("Neg", ["r"], "e2"))
    then = graph_of([deep], [value("d", None)])
    nodes = [node("ReduceSum", ["x"], ["sum"], keepdims=0), node("Cast", ["sum"], ["open"], to=BOOL)]
    model = choice("open", then, branch("Abs", ["r"], "e"), nodes=nodes, weights=[scalar("flag", True, np.bool_)])
    made = rewritten(model, fold_branches)
    assert operators(made).count("If") == 1 and "Exp" in operators(made) and "Neg" not in operators(made)


@pytest.mark.parametrize("opset", [11, 13, 17])
@pytest.mark.parametrize("channels", [1, 3])
def test_torchs_squeeze_with_a_free_batch(opset, channels):
    """The condition reads one size of several; the batch may stay free."""
    axes = {"axes": [1]} if opset < 13 else {}
    squeeze = node("Squeeze", ["r", *([] if axes else ["axis"])], ["t"], **axes)
    nodes = [
        node("Shape", ["r"], ["shape"]),
        node("Gather", ["shape", "i"], ["size"], axis=0),
        node("Equal", ["size", "one"], ["flag"]),
    ]
    then = graph_of([squeeze], [value("t", None)]) if channels == 1 else branch("Exp", ["r"], "t")
    other = branch("Identity", ["r"], "e")
    weights = [ints("i", 1), ints("one", 1), ints("axis", 1)]
    model = choice("flag", then, other, nodes=nodes, weights=weights, shape=("batch", channels, 4), opset=opset)
    made = rewritten(model, fold_branches, shapes={"x": (5, channels, 4)})
    assert "If" not in operators(made) and ("Squeeze" in operators(made)) == (channels == 1)
    assert made.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"


def test_a_condition_on_the_batch_needs_its_size():
    nodes = [
        node("Shape", ["r"], ["shape"]),
        node("Slice", ["shape", "zero", "one"], ["size"]),
        node("Equal", ["size", "one"], ["flag"]),
    ]
    then, other = branch("Exp", ["r"], "t"), branch("Neg", ["r"], "e")
    weights = [ints("zero", 0), ints("one", 1)]
    model = choice("flag", then, other, nodes=nodes, weights=weights, shape=("batch", 4))
    assert unchanged(model, fold_branches)
    made = rewritten(model, lambda each: fold_branches(each, sizes={"x": (1, 4)}), shapes={"x": (1, 4)})
    assert "Exp" in operators(made) and "If" not in operators(made)


def test_a_condition_on_a_given_input():
    nodes = [node("Equal", ["rate", "sixteen"], ["flag"])]
    then, other = branch("Exp", ["r"], "t"), branch("Neg", ["r"], "e")
    model = choice("flag", then, other, nodes=nodes, weights=[scalar("sixteen", 16000)])
    model.graph.input.append(value("rate", [], INT))
    assert unchanged(model, fold_branches)
    given = {"rate": np.array(16000)}
    made = rewritten(model, lambda each: fold_branches(each, given=given), feeds=given)
    assert "Exp" in operators(made) and [one.name for one in made.graph.input] == ["x", "rate"]


def test_a_condition_on_values_stays():
    nodes = [node("ReduceSum", ["x"], ["sum"], keepdims=0), node("Cast", ["sum"], ["flag"], to=BOOL)]
    assert unchanged(choice("flag", branch("Exp", ["r"], "t"), branch("Neg", ["r"], "e"), nodes=nodes), fold_branches)


def loop(rounds, *, condition="", body_condition="go_in", opset=17, is_weight=True):
    inner = [
        node("Identity", ["go_in"], ["go_out"]),
        node("Cast", ["i"], ["number"], to=TensorProto.FLOAT),
        node("Add", ["state_in", "number"], ["shifted"]),
        node("Mul", ["shifted", "w"], ["state_out"]),
        node("Neg", ["state_out"], ["seen"]),
    ]
    if body_condition != "go_in":
        inner[0] = node("Identity", [body_condition], ["go_out"])
    body = graph_of(
        inner,
        [value("go_out", [], BOOL), value("state_out", [2, 3]), value("seen", [2, 3])],
        [value("i", [], INT), value("go_in", [], BOOL), value("state_in", [2, 3])],
    )
    nodes = [node("Relu", ["x"], ["r"]), node("Loop", ["n", condition, "r"], ["y", "all"], body=body)]
    weights = [constant("w", 3), scalar("true", True, np.bool_), *([scalar("n", rounds)] if is_weight else [])]
    inputs = [value("x", [2, 3]), *([] if is_weight else [value("n", [], INT)])]
    return model_of(nodes, inputs, [value("y", [2, 3]), value("all", [None, 2, 3])], weights, opset=opset)


@pytest.mark.parametrize("opset", [11, 13, 17])
@pytest.mark.parametrize(("condition", "body_condition"), [("", "go_in"), ("true", "go_in"), ("true", "true")])
def test_a_short_loop_is_written_out(opset, condition, body_condition):
    model = loop(3, condition=condition, body_condition=body_condition, opset=opset)
    assert "Loop" not in operators(rewritten(model, fold_branches))


def test_long_loops_and_those_of_unknown_length_stay():
    assert unchanged(loop(1000), fold_branches)
    assert unchanged(loop(3, is_weight=False), fold_branches)


def test_a_loop_that_may_end_early_stays():
    model = loop(3)
    body = model.graph.node[1].attribute[0].g
    body.node.insert(0, node("ReduceSum", ["state_in"], ["sum"], keepdims=0))
    body.node.insert(1, node("Cast", ["sum"], ["more"], to=BOOL))
    body.node[2].input[0] = "more"
    assert unchanged(model, fold_branches)


def test_a_scan_over_an_axis_of_known_length():
    body = graph_of(
        [node("Add", ["s_in", "row"], ["s_out"]), node("Neg", ["s_out"], ["seen"])],
        [value("s_out", [3]), value("seen", [3])],
        [value("s_in", [3]), value("row", [3])],
    )
    nodes = [node("Relu", ["x"], ["r"]), node("Scan", ["start", "r"], ["last", "y"], body=body, num_scan_inputs=1)]
    outputs = [value("last", [3]), value("y", [None, 3])]
    model = model_of(nodes, [value("x", [4, 3])], outputs, [constant("start", 3)])
    assert "Scan" not in operators(rewritten(model, fold_branches))

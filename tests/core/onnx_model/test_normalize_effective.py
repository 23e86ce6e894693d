"""The operators by which targets are judged: those that are left once what is constant is folded."""

from dataclasses import replace

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from core.onnx_model.inspect import inspect
from core.onnx_model.normalize.effective import effective_operators
from rewritten import constant, graph_of, model_of, node, scalar, value


def found(tmp_path, *arguments, without=(), **options):
    path = tmp_path / "m.onnx"
    onnx.save(model_of(*arguments, **options), str(path))
    return effective_operators(inspect(path).without(without))


def branches(*operators):
    return {
        f"{name}_branch": graph_of([node(operator, ["x"], [name])], [value(name, None)])
        for name, operator in zip(("then", "else"), operators, strict=True)
    }


def test_a_branch_on_a_constant_counts_as_what_is_taken(tmp_path):
    nodes = [node("If", ["flag"], ["y"], **branches("Exp", "NonZero"))]
    operators = found(tmp_path, nodes, [value("x", [1, 4])], [value("y", None)], [scalar("flag", True, np.bool_)])
    assert operators.everywhere == operators.outside == {"Exp"} and not operators.has_open_branches


def test_a_branch_on_values_counts_with_all_that_is_in_it(tmp_path):
    nodes = [
        node("ReduceSum", ["x"], ["sum"], keepdims=0),
        node("Cast", ["sum"], ["flag"], to=TensorProto.BOOL),
        node("If", ["flag"], ["y"], **branches("Exp", "Neg")),
    ]
    operators = found(tmp_path, nodes, [value("x", [1, 4])], [value("y", None)])
    assert operators.everywhere == {"ReduceSum", "Cast", "If", "Exp", "Neg"}
    assert operators.outside == {"ReduceSum", "Cast", "If"}


def test_a_branch_on_a_given_input_is_left_open(tmp_path):
    nodes = [node("Equal", ["rate", "r"], ["flag"]), node("If", ["flag"], ["y"], **branches("Exp", "Neg"))]
    inputs = [value("x", [1, 4]), value("rate", [], TensorProto.INT64)]
    arguments = nodes, inputs, [value("y", None)], [scalar("r", 16000)]
    assert "If" in found(tmp_path, *arguments).everywhere
    (tmp_path / "m.onnx").unlink()
    operators = found(tmp_path, *arguments, without=["rate"])
    assert "If" not in operators.everywhere and operators.has_open_branches


def test_what_follows_from_sizes_and_constants_is_not_counted(tmp_path):
    """A grid as detectors compute it: from the size of the feature map, with NonZero of a constant."""
    nodes = [
        node("Conv", ["x", "w"], ["c"]),
        node("Shape", ["c"], ["shape"]),
        node("ConstantOfShape", ["shape"], ["zeros"]),
        node("NonZero", ["mask"], ["places"]),
        node("Cast", ["places"], ["numbers"], to=TensorProto.FLOAT),
        node("ReduceSum", ["numbers"], ["offset"], keepdims=0),
        node("Add", ["c", "zeros"], ["a"]),
        node("Add", ["a", "offset"], ["y"]),
    ]
    mask = numpy_helper.from_array(np.ones((80, 80), np.float32), "mask")
    weights = [constant("w", 4, 3, 1, 1), mask]
    operators = found(tmp_path, nodes, [value("x", ["n", 3, "h", "w"])], [value("y", None)], weights)
    assert operators.everywhere == {"Conv", "Add"}


def test_sizes_that_depend_on_values_are_counted(tmp_path):
    nodes = [node("NonZero", ["x"], ["i"]), node("Shape", ["i"], ["s"]), node("Cast", ["s"], ["y"], to=1)]
    operators = found(tmp_path, nodes, [value("x", [2, 4])], [value("y", None)])
    assert operators.everywhere == {"NonZero", "Shape", "Cast"}


def test_what_no_output_needs_is_not_counted(tmp_path):
    nodes = [node("NonZero", ["x"], ["i"]), node("Relu", ["x"], ["y"])]
    assert found(tmp_path, nodes, [value("x", [2, 4])], [value("y", [2, 4])]).everywhere == {"Relu"}


def test_fused_operators_count_as_what_they_stand_for(tmp_path):
    nodes = [
        node("FusedConv", ["x", "w"], ["c"], domain="com.microsoft", activation="Relu"),
        node("Unheard", ["c"], ["y"], domain="com.example"),
    ]
    domains = ["com.microsoft", "com.example"]
    operators = found(
        tmp_path, nodes, [value("x", [1, 3, 4, 4])], [value("y", None)], [constant("w", 4, 3, 1, 1)], domains=domains
    )
    assert operators.everywhere == {"Conv", "Relu", "com.example::Unheard"}
    assert operators.foreign == ("com.example::Unheard",)


def test_a_file_that_is_gone_leaves_all_its_operators(tmp_path):
    path = tmp_path / "m.onnx"
    onnx.save(model_of([node("Relu", ["x"], ["y"])], [value("x", [2])], [value("y", [2])]), str(path))
    source = inspect(path)
    assert effective_operators(replace(source, path=tmp_path / "gone.onnx")).everywhere == {"Relu"}

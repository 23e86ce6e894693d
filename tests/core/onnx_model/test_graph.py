import numpy as np
import pytest
from onnx import TensorProto, helper

from core.onnx_model.graph import (
    all_graphs,
    all_nodes,
    attributes,
    copy_model,
    copy_node,
    names_read,
    opset,
    replace_nodes,
    set_outputs,
)
from core.runtimes.onnx import OnnxPredictor


def info(name, element=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, element, [2])


def branch(name, *nodes, output):
    return helper.make_graph(nodes, name, [], [info(output)])


@pytest.fixture
def nested():
    """An If in the branch of an If; the branches read tensors of the graphs around them."""
    inner = helper.make_node(
        "If",
        ["deep"],
        ["i"],
        "inner",
        then_branch=branch("a", helper.make_node("Neg", ["x"], ["a"], "neg"), output="a"),
        else_branch=branch("b", helper.make_node("Abs", ["t"], ["b"], "abs"), output="b"),
    )
    then = branch("then", helper.make_node("Relu", ["x"], ["t"], "relu"), inner, output="i")
    other = branch("else", helper.make_node("Exp", ["x"], ["e"], "exp"), output="e")
    outer = helper.make_node("If", ["flag"], ["y"], "outer", then_branch=then, else_branch=other)
    inputs = [info("x"), *(helper.make_tensor_value_info(name, TensorProto.BOOL, []) for name in ("flag", "deep"))]
    graph = helper.make_graph([outer, helper.make_node("Sqrt", ["y"], ["z"], "last")], "g", inputs, [info("z")])
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.example", 99)], ir_version=8
    )


def test_nodes_and_graphs_are_found_at_any_depth(nested):
    names = [node.name for node in all_nodes(nested.graph)]
    assert sorted(names) == sorted(["outer", "last", "relu", "inner", "neg", "abs", "exp"])
    assert sorted(graph.name for graph in all_graphs(nested.graph)) == ["a", "b", "else", "g", "then"]


def test_a_node_reads_what_its_subgraphs_read(nested):
    assert set(names_read(nested.graph.node[0])) == {"flag", "x", "deep", "t", "a", "b", "i", "e"}
    assert list(names_read(helper.make_node("Clip", ["x", "", "high"], ["y"]))) == ["x", "high"]


def test_the_opset_is_that_of_onnx_itself(nested):
    assert opset(nested) == 17


def test_attributes_become_python_values():
    node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 2], group=3, auto_pad="VALID")
    assert attributes(node) == {"pads": [1, 2], "group": 3, "auto_pad": b"VALID"}


def test_copies_can_be_edited(nested):
    model, node = copy_model(nested), copy_node(nested.graph.node[1])
    model.graph.node[0].name = node.name = "changed"
    assert [node.name for node in nested.graph.node] == ["outer", "last"]


def test_nodes_of_the_graph_itself_can_be_put_in_another_order():
    nodes = [helper.make_node("Neg", ["b"], ["y"]), helper.make_node("Exp", ["x"], ["b"])]
    graph = helper.make_graph(nodes, "g", [info("x")], [info("y")])
    replace_nodes(graph, [graph.node[1], graph.node[0]])
    assert [node.op_type for node in graph.node] == ["Exp", "Neg"]
    replace_nodes(graph, graph.node[:1])
    assert [node.op_type for node in graph.node] == ["Exp"]


def test_any_tensor_can_be_made_an_output():
    nodes = [helper.make_node("Neg", ["x"], ["n"]), helper.make_node("Exp", ["n"], ["y"])]
    graph = helper.make_graph(nodes, "g", [info("x")], [info("y")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    set_outputs(model, ["y", "n"])
    x = np.float32([1, -2])
    outputs = OnnxPredictor(model).run({"x": x})
    assert list(outputs) == ["y", "n"] and np.array_equal(outputs["n"], -x)

"""What a graph would compute is counted before anything computes it."""

import math

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.common.errors import SourceError
from core.onnx_model.inline_functions import count_inlined, inline_functions
from core.onnx_model.inspect import inspect
from core.onnx_model.shapes import infer_shapes, known_shapes, longest_value

FLOAT = TensorProto.FLOAT


def model(nodes, *constants, functions=(), count=4):
    value = [helper.make_tensor_value_info(name, FLOAT, [count]) for name in "xy"]
    graph = helper.make_graph(nodes, "g", value[:1], value[1:], list(constants))
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("f", 1)]
    return helper.make_model(graph, opset_imports=opsets, functions=functions, ir_version=8)


def function(name, *calls, branch=None):
    nodes = [helper.make_node(call, ["a"], ["b"], domain="f" if call != "Relu" else "") for call in calls]
    if branch is not None:
        graph = helper.make_graph(nodes, "inside", [], [helper.make_tensor_value_info("b", FLOAT, [4])])
        nodes = [helper.make_node("If", ["a"], ["b"], then_branch=graph, else_branch=graph)]
    return helper.make_function("f", name, ["a"], ["b"], nodes, [helper.make_opsetid("", 17)])


def scalar(name, number):
    return numpy_helper.from_array(np.array(number), name)


@pytest.mark.parametrize("as_nodes", [False, True])
def test_a_range_is_as_long_as_its_constants_say(as_nodes):
    constants = [scalar("zero", 0), scalar("many", 10**10), scalar("one", 2)]
    nodes = [
        helper.make_node("Range", ["zero", "many", "one"], ["r"]),
        helper.make_node("Cast", ["r"], ["y"], to=FLOAT),
    ]
    if as_nodes:
        nodes = [*(helper.make_node("Constant", [], [one.name], value=one) for one in constants), *nodes]
        constants = []
    assert longest_value(model(nodes, *constants).graph) == 5 * 10**9


@pytest.mark.parametrize("start", ["c", "x"], ids=["a constant", "an input"])
def test_what_is_joined_to_itself_doubles(start):
    nodes = [helper.make_node("Concat", [start] * 2, ["t0"], axis=0)]
    nodes += [helper.make_node("Concat", [f"t{index}"] * 2, [f"t{index + 1}"], axis=0) for index in range(79)]
    made = model([*nodes, helper.make_node("Cast", ["t79"], ["y"], to=FLOAT)], scalar("c", [1, 2, 3, 4]))
    assert longest_value(made.graph) == 4 * 2**80


def test_sizes_read_again_and_again_are_no_long_list():
    """As a transformer does at each of its reshapes: the sizes are a few, however deep it is."""
    nodes, last = [], "x"
    for index in range(60):
        nodes += [
            helper.make_node("Add", [last, "bias"], [f"added{index}"]),
            helper.make_node("Shape", [f"added{index}"], [f"shape{index}"]),
            helper.make_node("Gather", [f"shape{index}", "zero"], [f"size{index}"]),
            helper.make_node("Unsqueeze", [f"size{index}", "axes"], [f"list{index}"]),
            helper.make_node("Concat", [*[f"list{index}"] * 3, "axes"], [f"to{index}"], axis=0),
            helper.make_node("Reshape", [f"added{index}", f"to{index}"], [f"reshaped{index}"]),
            helper.make_node("Concat", [f"reshaped{index}"] * 3, [f"joined{index}"], axis=0),
        ]
        last = f"joined{index}"
    made = model([*nodes, helper.make_node("Relu", [last], ["y"])], scalar("zero", 0), scalar("axes", [0]))
    made.graph.initializer.append(numpy_helper.from_array(np.zeros(1536, np.float32), "bias"))
    made.graph.input[0].type.tensor_type.shape.dim.add(dim_value=1536)
    assert longest_value(made.graph) == 1536


def test_what_is_cut_out_of_sizes_is_as_long_as_the_cut():
    """As Keras repeats rows: the list of sizes is put together from cuts of the last one."""
    nodes, last = [], "x"
    for index in range(60):
        nodes += [
            helper.make_node("Shape", [last], [f"shape{index}"]),
            helper.make_node("Slice", [f"shape{index}", "from", "to"], [f"cut{index}"]),
            helper.make_node("Concat", [f"cut{index}"] * 3, [f"to{index}"], axis=0),
            helper.make_node("Reshape", [last, f"to{index}"], [f"reshaped{index}"]),
        ]
        last = f"reshaped{index}"
    made = model([*nodes, helper.make_node("Relu", [last], ["y"])], scalar("from", [1]), scalar("to", [3]))
    made.graph.input[0].type.tensor_type.shape.dim.add(dim_value=8)
    assert longest_value(made.graph) < 1000


def test_shapes_of_a_model_with_a_long_list_are_inferred_without_writing_it_out():
    nodes = [
        helper.make_node("Range", ["zero", "many", "one"], ["r"]),
        helper.make_node("Relu", ["x"], ["y"]),
    ]
    made = model(nodes, scalar("zero", 0), scalar("many", 10**10), scalar("one", 1))
    assert dict(known_shapes(infer_shapes(made).graph))["y"] == (4,)


def test_inlined_nodes_are_counted_as_they_come_out():
    functions = [function("f0", "Relu", "Relu"), function("f1", "f0", "Relu"), function("f2", "f1", "f1", "f0")]
    made = model([helper.make_node(name, ["x"], ["y"], domain="f") for name in ("f2", "f0")], functions=functions)
    assert count_inlined(made) == len(inline_functions(made).graph.node) == 10


def test_calls_in_branches_count():
    functions = [function("f0", "Relu", "Relu", "Relu"), function("f1", "f0", branch=True)]
    assert count_inlined(model([helper.make_node("f1", ["x"], ["y"], domain="f")], functions=functions)) == 7


def test_a_circle_has_no_end():
    functions = [function("f0", "f1"), function("f1", "f0")]
    assert count_inlined(model([helper.make_node("f0", ["x"], ["y"], domain="f")], functions=functions)) == math.inf


@pytest.mark.parametrize(("depth", "words"), [(30, "steps"), (0, "circle")])
def test_the_person_is_told(depth, words, tmp_path):
    nested = [function(f"f{index}", *[f"f{index + 1}"] * 2) for index in range(depth)]
    last = function(f"f{depth}", *(["Relu"] if depth else ["f0"]))
    made = model([helper.make_node("f0", ["x"], ["y"], domain="f")], functions=[*nested, last])
    onnx.save(made, tmp_path / "m.onnx")
    with pytest.raises(SourceError, match=words):
        inspect(tmp_path / "m.onnx")


@pytest.mark.parametrize("what", ["inputs", "outputs", "tensors of weights", "letters in one name"])
def test_what_no_runtime_loads_in_time_is_told(what, tmp_path):
    made = model([helper.make_node("Relu", ["x"], ["y"])])
    if what == "tensors of weights":
        made.graph.initializer.extend(scalar(f"w{index}", 1.0) for index in range(50_001))
    elif what == "letters in one name":
        made.graph.node[0].name = "n" * 5_001
    else:
        values = made.graph.input if what == "inputs" else made.graph.output
        values.extend(helper.make_tensor_value_info(f"v{index}", FLOAT, [4]) for index in range(1_000))
        nodes = [helper.make_node("Relu", ["x"], [f"v{index}"]) for index in range(1_000)]
        made.graph.node.extend(nodes if what == "outputs" else ())
    onnx.save(made, tmp_path / "m.onnx")
    with pytest.raises(SourceError, match=rf"has \d+ {what}"):
        inspect(tmp_path / "m.onnx")


@pytest.mark.parametrize("missing", ["input", "output"])
@pytest.mark.parametrize("operator", ["Relu", "Unknown"])
def test_a_step_without_inputs_or_outputs_is_named(missing, operator, tmp_path):
    made = model([helper.make_node(operator, ["x"], ["y"], "odd"), helper.make_node("Relu", ["x"], ["y"])])
    if operator == "Unknown":
        made.graph.node[0].domain = "f"
    made.graph.node[0].ClearField(missing)
    onnx.save(made, tmp_path / "m.onnx")
    if (missing, operator) == ("input", "Unknown"):  # which may take none
        inspect(tmp_path / "m.onnx")
        return
    with pytest.raises(SourceError, match=r'step "odd"|damaged'):
        inspect(tmp_path / "m.onnx")

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from core.conversion.prepare import prepare_model, run_source
from core.onnx_model.clean import clean
from core.runtimes.onnx import OnnxPredictor
from small import save

FEEDS = {"x": np.random.default_rng(0).standard_normal((1, 8)).astype(np.float32)}


def clutter(path):
    """Constants of every kind, Identity and Dropout nodes, a branch that reads the output of one, an unused weight."""
    kept = helper.make_tensor_value_info("kept", TensorProto.FLOAT, [1, 8])
    keep = helper.make_graph([helper.make_node("Identity", ["dropped"], ["kept"])], "then", [], [kept])
    turn = helper.make_graph(
        [helper.make_node("Neg", ["h"], ["n"])],
        "else",
        [],
        [helper.make_tensor_value_info("n", TensorProto.FLOAT, [1, 8])],
    )
    return save(
        [
            helper.make_node("Constant", [], ["w"], value=numpy_helper.from_array(np.eye(8, dtype=np.float32))),
            helper.make_node("Constant", [], ["two"], value_float=2.0),
            helper.make_node("Constant", [], ["shape"], value_ints=[1, 8]),
            helper.make_node("Identity", ["x"], ["same"]),
            helper.make_node("Dropout", ["same"], ["dropped"]),
            helper.make_node("MatMul", ["dropped", "w"], ["h"]),
            helper.make_node("ReduceSum", ["h"], ["sum"], keepdims=0),
            helper.make_node("Less", ["sum", "two"], ["small"]),
            helper.make_node("If", ["small"], ["chosen"], then_branch=keep, else_branch=turn),
            helper.make_node("Reshape", ["chosen", "shape"], ["again"]),
            helper.make_node("Identity", ["again"], ["y"]),
        ],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8])],
        [numpy_helper.from_array(np.ones(99, np.float32), "unused")],
        path,
    )


def test_nodes_without_effect_go_and_the_outputs_stay(tmp_path):
    path = clutter(tmp_path / "clutter.onnx")
    cleaned = clean(onnx.load(str(path)))
    operators = [node.op_type for node in cleaned.graph.node]
    assert "Constant" not in operators and operators.count("Identity") == 1
    assert {tensor.name for tensor in cleaned.graph.initializer} == {"w", "two", "shape"}
    for sign in (1, -1):
        feeds = {"x": sign * FEEDS["x"]}
        assert np.array_equal(OnnxPredictor(cleaned).run(feeds)["y"], OnnxPredictor(path).run(feeds)["y"])


def cleaned_like_its_source(nodes, outputs, weights=(), *, opset=17):
    """The cleaned model, after its outputs have been compared with the source's."""
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8])]
    infos = [helper.make_tensor_value_info(name, *rest) for name, *rest in outputs]
    graph = helper.make_graph(nodes, "g", inputs, infos, list(weights))
    source = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    copy = onnx.ModelProto()
    copy.CopyFrom(source)
    cleaned = clean(copy)
    expected, outputs = OnnxPredictor(source).run(FEEDS), OnnxPredictor(cleaned).run(FEEDS)
    assert list(expected) == list(outputs)
    assert all(np.array_equal(expected[name], outputs[name]) for name in expected)
    assert cleaned.ByteSize() <= source.ByteSize() and cleaned.opset_import == source.opset_import
    return cleaned


def operators(graph):
    return [node.op_type for node in graph.node]


def test_outputs_of_the_same_tensor_keep_their_names():
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Identity", ["a"], ["b"]),
        helper.make_node("Identity", ["a"], ["c"]),
    ]
    cleaned = cleaned_like_its_source(nodes, [(name, TensorProto.FLOAT, [1, 8]) for name in "cba"])
    assert operators(cleaned.graph) == ["Relu", "Identity", "Identity"]


def test_a_branch_is_cleaned_too_and_gets_no_value_info():
    info = helper.make_tensor_value_info("r", TensorProto.FLOAT, [1, 8])
    inner = [
        helper.make_node("Constant", [], ["w"], value=numpy_helper.from_array(np.ones(8, np.float32))),
        helper.make_node("Identity", ["x"], ["same"]),
        helper.make_node("Add", ["same", "w"], ["r"]),
    ]
    branch = helper.make_graph(inner, "then", [], [info])
    other = helper.make_graph([helper.make_node("Identity", ["x"], ["r2"])], "else", [], [info])
    other.output[0].name = "r2"
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
        helper.make_node("Cast", ["sum"], ["yes"], to=TensorProto.BOOL),
        helper.make_node("If", ["yes"], ["y"], then_branch=branch, else_branch=other),
    ]
    cleaned = cleaned_like_its_source(nodes, [("y", TensorProto.FLOAT, [1, 8])])
    kept = {attribute.name: attribute.g for attribute in cleaned.graph.node[-1].attribute}
    assert operators(kept["then_branch"]) == ["Add"] and operators(kept["else_branch"]) == ["Identity"]
    assert not kept["then_branch"].value_info and not cleaned.graph.value_info


def test_a_dropout_with_an_unused_mask_goes_and_one_with_a_training_mode_stays():
    flag = numpy_helper.from_array(np.array(False), "train")
    nodes = [
        helper.make_node("Dropout", ["x"], ["d", "mask"]),
        helper.make_node("Dropout", ["d", "", "train"], ["e"]),
        helper.make_node("Neg", ["e"], ["y"]),
        helper.make_node("Exp", ["x"], ["unused"]),
    ]
    cleaned = cleaned_like_its_source(nodes, [("y", TensorProto.FLOAT, [1, 8])], [flag])
    assert operators(cleaned.graph) == ["Dropout", "Neg"] and cleaned.graph.node[0].input[0] == "x"


def test_strings_and_4_bit_integers_are_kept():
    narrow = helper.make_tensor("q", TensorProto.INT4, [8], [-8, 7, 1, 2, 3, 4, 5, 6])
    nodes = [
        helper.make_node("Constant", [], ["q"], value=narrow),
        helper.make_node("DequantizeLinear", ["q", "s"], ["d"]),
        helper.make_node("Add", ["x", "d"], ["y"]),
        helper.make_node("Constant", [], ["t"], value_string="größe"),
        helper.make_node("Identity", ["t"], ["z"]),
    ]
    scale = numpy_helper.from_array(np.float32(0.1), "s")
    outputs = [("y", TensorProto.FLOAT, [1, 8]), ("z", TensorProto.STRING, [])]
    cleaned = cleaned_like_its_source(nodes, outputs, [scale], opset=21)
    assert {tensor.name: tensor.data_type for tensor in cleaned.graph.initializer}["q"] == TensorProto.INT4


def test_constants_that_the_graph_computes_are_not_folded_if_the_file_would_grow(tmp_path):
    """ConstantOfShape: a million equal numbers in a few bytes."""
    shapes = {f"s{index}": np.array([1, 512, 512], np.int64) for index in range(4)}
    nodes = [
        helper.make_node("ConstantOfShape", [name], [f"w{name}"], value=helper.make_tensor("v", 1, [1], [0.1]))
        for name in shapes
    ]
    path = save(
        [*nodes, helper.make_node("Sum", ["x", *(f"w{name}" for name in shapes)], ["y"])],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 512, 512])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 512, 512])],
        [numpy_helper.from_array(shape, name) for name, shape in shapes.items()],
        tmp_path / "light.onnx",
    )
    feeds = {"x": np.ones((1, 512, 512), np.float32)}
    prepared = prepare_model(path, feeds, run_source(path, feeds), folder=tmp_path)
    assert prepared.clean.read().ByteSize() < 20_000 and not prepared.notes


def test_where_onnxslim_breaks_a_model_the_minimal_clean_up_takes_its_place(tmp_path, monkeypatch):
    path = clutter(tmp_path / "clutter.onnx")

    def broken(model, **options):
        model.graph.node[0].op_type = "Nonsense"
        return model

    monkeypatch.setattr("onnxslim.slim", broken)
    prepared = prepare_model(path, FEEDS, run_source(path, FEEDS), folder=tmp_path)
    assert "Constant" not in [node.op_type for node in prepared.clean.read().graph.node]
    assert np.array_equal(OnnxPredictor(prepared.clean.read()).run(FEEDS)["y"], run_source(path, FEEDS)["y"])

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from core.cleaning import clean_gently
from core.prepare import prepare, run_source
from core.runtimes.onnx import OnnxPredictor
from small import save

FEEDS = {"x": np.random.default_rng(0).standard_normal((1, 8)).astype(np.float32)}


def clutter(path):
    """Constants of every kind, idle nodes, a branch that reads an idle node's result, an unused weight."""
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
        [numpy_helper.from_array(np.ones(99, np.float32), "nobody")],
        path,
    )


def test_clutter_goes_and_the_numbers_stay(tmp_path):
    path = clutter(tmp_path / "clutter.onnx")
    cleaned = clean_gently(onnx.load(str(path)))
    operators = [node.op_type for node in cleaned.graph.node]
    assert "Constant" not in operators and operators.count("Identity") == 1
    assert {tensor.name for tensor in cleaned.graph.initializer} == {"w", "two", "shape"}
    for sign in (1, -1):
        feeds = {"x": sign * FEEDS["x"]}
        assert np.array_equal(OnnxPredictor(cleaned).run(feeds)["y"], OnnxPredictor(path).run(feeds)["y"])


def test_constants_that_a_file_computes_are_not_blown_up(tmp_path):
    """A weight of a million equal numbers takes no place in the file."""
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
    prepared = prepare(path, feeds, run_source(path, feeds))
    assert prepared.clean.ByteSize() < 20_000 and not prepared.notes


def test_where_the_cleaner_breaks_a_gentle_cleaning_takes_its_place(tmp_path, monkeypatch):
    path = clutter(tmp_path / "clutter.onnx")

    def broken(model, **options):
        model.graph.node[0].op_type = "Nonsense"
        return model

    monkeypatch.setattr("onnxslim.slim", broken)
    prepared = prepare(path, FEEDS, run_source(path, FEEDS))
    assert "Constant" not in [node.op_type for node in prepared.clean.graph.node]
    assert np.array_equal(OnnxPredictor(prepared.clean).run(FEEDS)["y"], run_source(path, FEEDS)["y"])

"""Small ONNX graphs that are hard for fp16, shared by its tests."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from core.runtimes.onnx import OnnxPredictor

RANDOM = np.random.default_rng(3)


def value(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def tensor(name, *shape, scale=1.0):
    return numpy_helper.from_array((scale * RANDOM.standard_normal(shape)).astype(np.float32), name)


def constant(name, numbers, dtype=np.float32):
    return numpy_helper.from_array(np.array(numbers, dtype), name)


def model(nodes, weights=(), inputs=None, outputs=None, opset=17) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes, "graph", inputs or [value("x", [1, 4, 8, 8])], outputs or [value("y", None)], list(weights)
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def casts() -> onnx.ModelProto:
    """Floats that become integers and floats again."""
    return model(
        [
            helper.make_node("Cast", ["x"], ["i"], to=TensorProto.INT32),
            helper.make_node("Cast", ["i"], ["f"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["f", "x"], ["y"]),
        ]
    )


def resize() -> onnx.ModelProto:
    """Scales are float32 by definition."""
    return model(
        [
            helper.make_node("Relu", ["x"], ["r"]),
            helper.make_node("Resize", ["r", "", "scales"], ["big"], mode="linear"),
            helper.make_node("Conv", ["big", "w"], ["y"]),
        ],
        [constant("scales", [1, 1, 2.5, 2.5]), tensor("w", 16, 4, 3, 3)],
    )


def computed_size() -> onnx.ModelProto:
    """A size computed in floats, too large to count in fp16."""
    return model(
        [
            helper.make_node("Shape", ["x"], ["shape"]),
            helper.make_node("Cast", ["shape"], ["sizes"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["sizes", "factors"], ["larger"]),
            helper.make_node("Cast", ["larger"], ["whole"], to=TensorProto.INT64),
            helper.make_node("Expand", ["one", "whole"], ["big"]),
            helper.make_node("ReduceSum", ["big"], ["sum"], keepdims=0),
            helper.make_node("Mul", ["x", "tiny"], ["small"]),
            helper.make_node("Add", ["small", "sum"], ["y"]),
        ],
        [constant("factors", [1, 1, 1, 2049 / 8]), constant("one", [[[[1e-4]]]]), constant("tiny", 1e-3)],
    )


def shared_weights() -> onnx.ModelProto:
    """One weight for a node that may be fp16, one that may not, and a branch."""
    branch = helper.make_graph([helper.make_node("Mul", ["h", "w"], ["t"])], "then", [], [value("t", None)])
    other = helper.make_graph([helper.make_node("Neg", ["h"], ["e"])], "else", [], [value("e", None)])
    return model(
        [
            helper.make_node("Add", ["x", "w"], ["h"]),
            helper.make_node("ReduceMax", ["h"], ["top"], keepdims=0),
            helper.make_node("Greater", ["top", "zero"], ["positive"]),
            helper.make_node("If", ["positive"], ["y"], then_branch=branch, else_branch=other),
        ],
        [tensor("w", 1, 4, 8, 8), constant("zero", 0)],
    )


def weights_in_a_branch() -> onnx.ModelProto:
    """As in silero_vad: all weights are Constant nodes inside If."""
    weight = helper.make_node("Constant", [], ["w"], value=tensor("", 8, 8))
    inner = helper.make_graph([weight, helper.make_node("MatMul", ["x", "w"], ["t"])], "then", [], [value("t", None)])
    other = helper.make_graph([helper.make_node("Neg", ["x"], ["e"])], "else", [], [value("e", None)])
    return model(
        [
            helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
            helper.make_node("Equal", ["sum", "sum"], ["always"]),
            helper.make_node("If", ["always"], ["y"], then_branch=inner, else_branch=other),
        ]
    )


def extreme_constants() -> onnx.ModelProto:
    """A mask beyond the largest fp16 number, and a guard below the smallest."""
    return model(
        [
            helper.make_node("Relu", ["x"], ["r"]),
            helper.make_node("Add", ["r", "guard"], ["safe"]),
            helper.make_node("Div", ["r", "safe"], ["ones"]),
            helper.make_node("Where", ["mask", "ones", "never"], ["masked"]),
            helper.make_node("Softmax", ["masked"], ["y"], axis=-1),
        ],
        [constant("guard", 1e-12), constant("never", -3.4e38), constant("mask", [True] * 5 + [False] * 3, np.bool_)],
    )


def overflow() -> onnx.ModelProto:
    """Values in the middle exceed fp16; only the nodes around them must stay in float32."""
    return model(
        [
            helper.make_node("Conv", ["x", "w1"], ["a"], pads=[1] * 4),
            helper.make_node("Relu", ["a"], ["b"]),
            helper.make_node("Mul", ["b", "large"], ["c"]),
            helper.make_node("Mul", ["c", "small"], ["d"]),
            helper.make_node("Conv", ["d", "w2"], ["e"], pads=[1] * 4),
            helper.make_node("Relu", ["e"], ["y"]),
        ],
        [tensor("w1", 16, 4, 3, 3), tensor("w2", 16, 16, 3, 3), constant("large", 1e5), constant("small", 1e-5)],
    )


FEEDS = {"x": RANDOM.standard_normal((1, 4, 8, 8)).astype(np.float32)}
GRAPHS = (casts, resize, computed_size, shared_weights, weights_in_a_branch, extreme_constants, overflow)


def references(original):
    return [(FEEDS, OnnxPredictor(original, threads=1).run(FEEDS))]

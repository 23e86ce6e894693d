"""Small models with one odd layer each, beside a plain matrix product that can always be quantised."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

node = helper.make_node


@dataclass(frozen=True)
class OddLayer:
    """Nodes from the input ``x`` to the output ``y``, and their weights."""

    nodes: Sequence[onnx.NodeProto]
    x: tuple[int, ...]
    """Shape of the input."""

    weights: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    free: Sequence[int] = ()
    """Axes of the input that are free."""

    opset: int = 13


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def build(layer: OddLayer) -> onnx.ModelProto:
    """A model with the inputs ``x`` and ``plain``, and the outputs ``y`` and ``product``."""
    weights = [
        numpy_helper.from_array(random(*shape, seed=seed) / np.float32(max(1, shape[-1]) ** 0.5), name)
        for seed, (name, shape) in enumerate(layer.weights.items())
    ]
    weights += [numpy_helper.from_array(np.asarray(value), name) for name, value in layer.constants.items()]
    weights.append(numpy_helper.from_array(random(16, 16, seed=99) / np.float32(4), "plain_weights"))
    shape = [f"free_{axis}" if axis in layer.free else size for axis, size in enumerate(layer.x)]
    graph = helper.make_graph(
        [*layer.nodes, node("MatMul", ["plain", "plain_weights"], ["product"], "plain_layer")],
        "odd",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, shape),
            helper.make_tensor_value_info("plain", TensorProto.FLOAT, [2, 16]),
        ],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("y", "product")],
        weights,
    )
    for value in graph.output:
        value.type.tensor_type.ClearField("shape")
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", layer.opset)], ir_version=8)


def feeds(layer: OddLayer, seed: int) -> dict[str, np.ndarray]:
    return {"x": random(*layer.x, seed=seed), "plain": random(2, 16, seed=seed + 1000)}


def one(operator: str, x: tuple[int, ...], *weights: tuple[int, ...], **attributes: Any) -> OddLayer:
    names = [f"w{number}" for number in range(len(weights))]
    attributes = dict(attributes)
    opset = attributes.pop("opset", 13)
    return OddLayer(
        [node(operator, ["x", *names], ["y"], "odd", **attributes)],
        x,
        dict(zip(names, weights, strict=True)),
        opset=opset,
    )


ODD_LAYERS: Mapping[str, OddLayer] = {
    "matmul of 3-D weights": one("MatMul", (4, 6, 8), (4, 8, 5)),
    "matmul of 4-D weights": one("MatMul", (1, 4, 6, 8), (1, 4, 8, 5)),
    "matmul of 3-D weights that broadcast": one("MatMul", (3, 6, 8), (1, 8, 5)),
    "matmul of 1-D weights": one("MatMul", (6, 8), (8,)),
    "matmul of a vector": one("MatMul", (8,), (8, 5)),
    "matmul of constant on the left": OddLayer([node("MatMul", ["w", "x"], ["y"], "odd")], (8, 3), {"w": (5, 8)}),
    "matmul of constant 3-D on the left": OddLayer(
        [node("MatMul", ["w", "x"], ["y"], "odd")], (4, 8, 3), {"w": (4, 5, 8)}
    ),
    "matmul of two computed inputs": OddLayer(
        [node("Transpose", ["x"], ["t"], perm=[0, 2, 1]), node("MatMul", ["x", "t"], ["y"], "odd")], (2, 6, 8)
    ),
    "matmul of an input with itself": OddLayer([node("MatMul", ["x", "x"], ["y"], "odd")], (8, 8)),
    "matmul with computed weights": OddLayer(
        [node("Mul", ["w", "x"], ["wx"]), node("MatMul", ["x", "wx"], ["y"], "odd")], (8, 8), {"w": (8, 8)}
    ),
    "matmul of one column": one("MatMul", (6, 8), (8, 1)),
    "matmul with one row of weights": one("MatMul", (6, 1), (1, 5)),
    "matmul twice with the same weights": OddLayer(
        [node("MatMul", ["x", "w"], ["h"], "odd"), node("MatMul", ["h", "w"], ["y"], "odd2")], (6, 8), {"w": (8, 8)}
    ),
    "weights shared by matmul and gemm": OddLayer(
        [node("MatMul", ["x", "w"], ["h"], "odd"), node("Gemm", ["h", "w"], ["y"], "odd2", transB=1)],
        (6, 8),
        {"w": (8, 8)},
    ),
    "weights shared by 3-D matmul and add": OddLayer(
        [node("MatMul", ["x", "w"], ["h"], "odd"), node("Add", ["h", "w"], ["y"])], (4, 8, 8), {"w": (4, 8, 8)}
    ),
    "matmul of no rows": one("MatMul", (0, 8), (8, 5)),
    "matmul of zero-size weights": OddLayer(
        [node("MatMul", ["x", "w"], ["h"], "odd"), node("Concat", ["h", "x"], ["y"], axis=1)], (6, 8), {"w": (8, 0)}
    ),
    "gemm with transA": one("Gemm", (8, 6), (8, 5), (5,), transA=1),
    "gemm with transA and transB": one("Gemm", (8, 6), (5, 8), (5,), transA=1, transB=1),
    "gemm with a scalar bias": OddLayer(
        [node("Gemm", ["x", "w", "b"], ["y"], "odd")], (6, 8), {"w": (8, 5)}, {"b": np.float32(0.5)}
    ),
    "gemm with a bias of one number": one("Gemm", (6, 8), (8, 5), (1,)),
    "gemm with a column as bias": one("Gemm", (6, 8), (8, 5), (6, 1)),
    "gemm with a matrix as bias": one("Gemm", (6, 8), (8, 5), (6, 5)),
    "gemm with a row as bias": one("Gemm", (6, 8), (8, 5), (1, 5)),
    "gemm with beta 2": one("Gemm", (6, 8), (8, 5), (5,), beta=2.0),
    "gemm with alpha and beta": one("Gemm", (6, 8), (8, 5), (5,), alpha=0.5, beta=0.25),
    "gemm with a computed bias": OddLayer(
        [node("ReduceMean", ["x"], ["m"], axes=[1], keepdims=1), node("Gemm", ["x", "w", "m"], ["y"], "odd")],
        (6, 8),
        {"w": (8, 5)},
    ),
    "gemm with computed weights": OddLayer(
        [node("Abs", ["x"], ["a"]), node("Gemm", ["x", "a", "b"], ["y"], "odd", transB=1)], (6, 8), {"b": (6,)}
    ),
    "gemm without bias": one("Gemm", (6, 8), (8, 5)),
    "conv 1-D": one("Conv", (1, 4, 20), (6, 4, 3), (6,)),
    "conv 1-D in groups": one("Conv", (1, 4, 20), (8, 2, 3), (8,), group=2, dilations=[2]),
    "conv 1-D depthwise": one("Conv", (1, 4, 20), (4, 1, 3), group=4),
    "conv 3-D": one("Conv", (1, 2, 6, 7, 8), (4, 2, 3, 3, 3), (4,), pads=[1] * 6),
    "conv 3-D in groups": one("Conv", (1, 4, 6, 7, 8), (4, 2, 3, 3, 3), group=2),
    "conv without an axis of space": one("Conv", (3, 4, 1), (6, 4, 1), (6,)),
    "conv with auto_pad": one("Conv", (1, 3, 9, 9), (4, 3, 3, 3), (4,), auto_pad="SAME_UPPER", strides=[2, 2]),
    "conv with computed weights": OddLayer(
        [node("Mul", ["w", "s"], ["ws"]), node("Conv", ["x", "ws"], ["y"], "odd")],
        (1, 3, 9, 9),
        {"w": (4, 3, 3, 3)},
        {"s": np.float32(2)},
    ),
    "conv with weights from the input": OddLayer(
        [node("Reshape", ["x", "shape"], ["w"]), node("Conv", ["x", "w"], ["y"], "odd")],
        (1, 3, 9, 9),
        {},
        {"shape": np.array([1, 3, 9, 9], np.int64)},
    ),
    "conv with a computed bias": OddLayer(
        [
            node("GlobalAveragePool", ["x"], ["p"]),
            node("Reshape", ["p", "shape"], ["b"]),
            node("Conv", ["x", "w", "b"], ["y"], "odd"),
        ],
        (1, 4, 9, 9),
        {"w": (4, 4, 3, 3)},
        {"shape": np.array([4], np.int64)},
    ),
    "conv twice with the same weights and bias": OddLayer(
        [node("Conv", ["x", "w", "b"], ["h"], "odd"), node("Conv", ["h", "w", "b"], ["y"], "odd2")],
        (1, 3, 9, 9),
        {"w": (3, 3, 3, 3), "b": (3,)},
    ),
    "conv of no pictures": one("Conv", (0, 3, 9, 9), (4, 3, 3, 3), (4,)),
    "transposed conv": one("ConvTranspose", (1, 4, 6, 6), (4, 3, 3, 3), (3,), strides=[2, 2]),
    "transposed conv in groups": one("ConvTranspose", (1, 4, 6, 6), (4, 3, 3, 3), (6,), group=2, strides=[2, 2]),
    "transposed conv depthwise": one("ConvTranspose", (1, 4, 6, 6), (4, 1, 2, 2), group=4, strides=[2, 2]),
    "transposed conv 1-D": one("ConvTranspose", (1, 4, 6), (4, 3, 3), (3,), strides=[2]),
    "transposed conv 3-D": one("ConvTranspose", (1, 4, 3, 4, 5), (4, 3, 2, 2, 2), (3,)),
    "transposed conv twice with the same weights": OddLayer(
        [node("ConvTranspose", ["x", "w"], ["h"], "odd"), node("ConvTranspose", ["h", "w"], ["y"], "odd2")],
        (1, 4, 6, 6),
        {"w": (4, 4, 2, 2)},
    ),
    "weights that are all zero": OddLayer(
        [node("MatMul", ["x", "w"], ["h"], "odd"), node("Add", ["h", "x"], ["y"])],
        (6, 8),
        {},
        {"w": np.zeros((8, 8), np.float32)},
    ),
    "weights from 1e-30 to 1e30": OddLayer(
        [node("Gemm", ["x", "w", "b"], ["y"], "odd")],
        (6, 8),
        {},
        {"w": np.float32(10) ** np.linspace(-30, 30, 40, dtype=np.float32).reshape(8, 5), "b": np.ones(5, np.float32)},
    ),
    "einsum": OddLayer(
        [node("Einsum", ["x", "w"], ["y"], "odd", equation="bij,bjk->bik")], (4, 6, 8), {"w": (4, 8, 5)}
    ),
    "relu of an output": OddLayer(
        [node("MatMul", ["x", "w"], ["h"], "odd"), node("Relu", ["h"], ["r"]), node("Add", ["h", "r"], ["y"])],
        (6, 8),
        {"w": (8, 5)},
    ),
    "clip with computed limits": OddLayer(
        [
            node("ReduceMin", ["x"], ["low"], keepdims=0),
            node("MatMul", ["x", "w"], ["h"], "odd"),
            node("Clip", ["h", "low"], ["y"], "odd2"),
        ],
        (6, 8),
        {"w": (8, 5)},
    ),
    "lstm": OddLayer(
        [node("LSTM", ["x", "w", "r"], ["y"], "odd", hidden_size=4)], (5, 1, 3), {"w": (1, 16, 3), "r": (1, 16, 4)}
    ),
}
"""By what is odd about them."""

Builder = Callable[[], onnx.ModelProto]

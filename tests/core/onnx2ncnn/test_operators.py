"""Every operator in the spellings that exporters use: ncnn must give onnxruntime's numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.onnx2ncnn.convert import convert_onnx
from core.runtimes.ncnn import NcnnPredictor
from core.runtimes.onnx import OnnxPredictor


@dataclass(frozen=True)
class Case:
    op: str
    shapes: tuple[tuple[int, ...], ...]
    """Of the inputs."""
    constants: tuple[Any, ...] = ()
    """Behind the inputs; None for one that is left out, an int for the place of an input."""
    attributes: dict[str, Any] = field(default_factory=dict)
    opset: int = 17
    outputs: int = 1
    low: float = -2.0
    high: float = 2.0

    def __str__(self) -> str:
        shapes = ",".join("x".join(map(str, shape)) for shape in self.shapes)
        parts = " ".join(f"{key}={value}" for key, value in self.attributes.items())
        constants = ",".join("none" if c is None else str(np.shape(c)) for c in self.constants)
        return f"{self.op}{self.opset} {shapes} {constants} {parts}".replace("\n", " ")[:150]


def i64(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def f32(*shape: int, seed: int = 3, low: float = -1.0, high: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(low, high, shape).astype(np.float32)


def scalar(value: float) -> np.ndarray:
    return np.array(value, np.float32)


X = (1, 4, 6, 8)
CASES: list[Case] = []


def add(op: str, *shapes: tuple[int, ...], c: tuple[Any, ...] = (), **kwargs: Any) -> None:
    names = ("opset", "outputs", "low", "high")
    options = {key: kwargs.pop(key) for key in names if key in kwargs}
    CASES.append(Case(op, shapes, c, kwargs, **options))


for op in ("Abs", "Neg", "Floor", "Ceil", "Exp", "Sin", "Cos", "Tan", "Atan", "Round", "Sign", "Sinh", "Asinh", "Cosh"):
    add(op, X)
for op in ("Sqrt", "Log", "Reciprocal"):
    add(op, (1, 5, 7), low=0.1)
for op in ("Asin", "Acos", "Atanh"):
    add(op, (1, 10), low=-0.9, high=0.9)
add("Acosh", (1, 10), low=1.1, high=5)
for op in ("Erf", "Relu", "Sigmoid", "Tanh", "Softplus", "Softsign", "LeakyRelu", "HardSigmoid", "Elu", "Selu", "Celu"):
    add(op, X, low=-5, high=5)
    add(op, (7, 5), low=-5, high=5)
add("LeakyRelu", X, alpha=0.3)
add("HardSigmoid", X, alpha=0.3, beta=0.4, low=-4, high=4)
add("HardSwish", X, low=-5, high=5)
add("Mish", X, opset=18, low=-5, high=5)
add("Elu", X, alpha=0.7)
add("Celu", X, alpha=0.7)
add("Selu", X, alpha=1.2, gamma=0.9)
add("ThresholdedRelu", X, alpha=0.5)
add("Shrink", X, lambd=0.4, bias=0.2)
add("Gelu", X, opset=20)
add("Gelu", X, opset=20, approximate="tanh")
add("Clip", X, c=(scalar(-0.5), scalar(0.7)))
add("Clip", X, c=(None, scalar(0.7)))
add("Clip", X, c=(scalar(-np.inf), scalar(np.inf)))
add("Clip", X, min=-0.2, max=0.6, opset=6)
add("Clip", X, opset=13)
add("PRelu", X, c=(f32(4, 1, 1),))
add("PRelu", X, c=(f32(1),))
add("PRelu", X, c=(f32(8),))
add("PRelu", (1, 5, 7), c=(f32(5, 1),))
add("PRelu", (1, 9), c=(f32(9),))
add("PRelu", (3, 4, 5, 6), c=(f32(4, 1, 1),))
for op in ("Softmax", "LogSoftmax"):
    for axis in (0, 1, 2, 3, -1):
        add(op, (1, 3, 4, 5), axis=axis, low=-9, high=9)
    add(op, (1, 3, 4, 5), axis=1, opset=11)
    add(op, (2, 7), axis=-1)
    add(op, (2, 3, 4, 5, 6), axis=2)

for op in ("Add", "Sub", "Mul", "Div", "Max", "Min"):
    add(op, X, X, low=0.3)
    add(op, X, c=(f32(4, 1, 1),), low=0.3)
    add(op, X, c=(scalar(0.7),))
    add(op, X, c=(f32(8, low=0.2),))
    add(op, X, c=(f32(6, 1, low=0.2),))
    add(op, X, c=(f32(1, 4, 6, 8, low=0.2),))
    add(op, X, c=(f32(4, 1, 8, low=0.2),))
    add(op, (1, 4, 1, 8), (1, 1, 6, 1), low=0.3)
    add(op, X, (1, 4, 1, 1), low=0.3)
    add(op, (8,), X, low=0.3)
    add(op, (1, 5), (5, 1), low=0.3)
    add(op, (2, 3, 4, 5), (3, 1, 5), low=0.3)
    add(op, (1, 2, 3, 4, 5), (2, 1, 4, 1), low=0.3)
    add(op, (2, 3, 2, 3, 2), (2, 1, 2, 1, 2), low=0.3)
CASES += [Case(op, (X,), (scalar(2.5), 0), low=0.3) for op in ("Sub", "Div", "Add", "Pow", "Max")]
add("Max", X, X, X)
add("Min", X, X, X, (1, 4, 1, 1))
add("Sum", X, X, X)
add("Sum", X)
add("Mean", X, X)
add("Mean", X, (1, 4, 1, 1), (8,))
for exponent in (2.0, 3.0, 0.5, -1.0, -0.5, 1.5, 0.0, 4.0, -2.0):
    add("Pow", X, c=(scalar(exponent),), low=0.1 if exponent != int(exponent) else -2.0)
add("Pow", X, (1, 4, 1, 1), low=0.2)
add("Mod", X, (1, 4, 6, 8), fmod=1, low=0.4)
add("Identity", X)
add("Dropout", X)
add("Expand", (1, 4, 1, 8), c=(i64(1, 4, 6, 8),))
add("Expand", (1, 1, 8), c=(i64(3, 5, 8),))
add("Expand", (4, 1), c=(i64(2, 3, 4, 5),))

add("Reshape", X, c=(i64(1, 8, -1),))
add("Reshape", X, c=(i64(0, 2, 2, 6, 8),))
add("Reshape", X, c=(i64(-1),))
add("Flatten", X)
add("Flatten", X, axis=3)
add("Squeeze", (1, 4, 1, 8), c=(i64(2),))
add("Squeeze", (1, 4, 1, 8), opset=11)
add("Unsqueeze", (1, 4, 8), c=(i64(1, 4),))
import itertools  # noqa: E402

for perm in itertools.permutations(range(4)):
    add("Transpose", (2, 3, 4, 5), perm=list(perm))
for perm in ((0, 2, 3, 1), (0, 3, 1, 2), (0, 2, 1, 3)):
    add("Transpose", X, perm=list(perm))
add("Transpose", (3, 4))
add("Transpose", (1, 2, 3, 4, 5, 6), perm=[0, 1, 3, 2, 4, 5])
add("Transpose", (2, 3, 2, 3, 2, 3), perm=[5, 3, 1, 0, 2, 4])
add("Transpose", (1, 2, 3, 2, 3, 2, 4), perm=[0, 2, 4, 6, 1, 3, 5])
for axis in (0, 1, 2, 3, -1):
    add("Concat", (1, 2, 3, 4), (1, 2, 3, 4), axis=axis)
    add("Concat", (2, 2, 3, 4), (2, 2, 3, 4), (2, 2, 3, 4), axis=axis)
add("Concat", X, (1, 3, 6, 8), axis=1)
add("Concat", X, c=(f32(1, 2, 6, 8),), axis=1)
add("Concat", (5,), (3,), axis=0)
add("Split", X, c=(i64(1, 3),), axis=1, outputs=2)
add("Split", X, axis=3, outputs=4)
add("Split", X, axis=2, outputs=2, split=[2, 4], opset=11)
add("Slice", X, c=(i64(1), i64(3), i64(1)))
add("Slice", X, c=(i64(0, 1), i64(2**63 - 1, -1), i64(2, 3), i64(2, 3)))
add("Slice", X, c=(i64(-1), i64(-(2**63)), i64(3), i64(-1)))
add("Slice", X, c=(i64(7, 5), i64(-100, 0), i64(3, 2), i64(-2, -1)))
add("Slice", (9,), c=(i64(1), i64(8), i64(0), i64(3)))
add("Slice", X, starts=[1, 2], ends=[3, 100], axes=[1, 2], opset=9)
add("Gather", X, c=(i64(2, 0, 1),), axis=1)
add("Gather", X, c=(np.array(2, np.int64),), axis=2)
add("Gather", X, c=(i64(-1, 1, 1, 0),), axis=3)
add("Gather", X, c=(np.array([[0, 1], [2, 3]], np.int64),), axis=1)
add("Gather", (1, 50, 3), c=(np.random.default_rng(0).permutation(50),), axis=1)
add("Gather", (1, 3, 50), c=(np.random.default_rng(0).permutation(50),), axis=2)
add("GatherElements", (1, 3, 4), c=(np.random.default_rng(0).integers(0, 3, (1, 2, 4)),), axis=1)
add("GatherND", (1, 3, 4), c=(np.array([[[0, 1], [0, 2]]], np.int64),))
add("ScatterND", (1, 4, 5), (2, 5), c=(), opset=17)
CASES[-1] = Case("ScatterND", ((1, 4, 5), (2, 5)), (0, np.array([[0, 1], [0, 3]], np.int64), 1))
CASES.append(
    Case("ScatterElements", ((1, 4, 5), (1, 2, 5)), (0, np.array([[[0] * 5, [3] * 5]], np.int64), 1), {"axis": 1})
)
for mode in ("constant", "edge", "reflect"):
    add("Pad", X, c=(i64(0, 0, 1, 2, 0, 0, 3, 1),), mode=mode)
    add("Pad", X, c=(i64(0, 1, 0, 0, 0, 2, 0, 0),), mode=mode)
    add("Pad", (1, 6, 7), c=(i64(0, 0, 3, 0, 0, 2),), mode=mode)
add("Pad", X, c=(i64(0, 0, 1, 2, 0, 0, 3, 1), scalar(1.5)))
add("Pad", X, c=(i64(0, 0, -1, 2, 0, 0, 3, -2),))
add("Pad", X, pads=[0, 0, 1, 1, 0, 0, 1, 1], opset=9)
add("Pad", (7,), c=(i64(2, 1),))
add("Tile", X, c=(i64(1, 2, 1, 3),))
add("Tile", (2, 3), c=(i64(2, 2),))
add("DepthToSpace", (1, 8, 3, 5), blocksize=2)
add("DepthToSpace", (1, 8, 3, 5), blocksize=2, mode="CRD")
add("DepthToSpace", (1, 18, 3, 5), blocksize=3)
add("SpaceToDepth", (1, 3, 4, 6), blocksize=2)
add("Trilu", (1, 5, 5), upper=0)
add("Trilu", (1, 2, 5, 6), c=(np.array(1, np.int64),))
for exclusive, reverse in itertools.product((0, 1), (0, 1)):
    add("CumSum", (1, 5, 7), c=(np.array(1, np.int64),), exclusive=exclusive, reverse=reverse)

for op in (
    "ReduceSum",
    "ReduceMean",
    "ReduceMax",
    "ReduceMin",
    "ReduceProd",
    "ReduceL1",
    "ReduceL2",
    "ReduceSumSquare",
):
    for axes in ([1], [2, 3], [-1], [0, 2], [1, 3], [0, 1, 2, 3]):
        for keep in (0, 1):
            if op == "ReduceSum":
                add(op, X, c=(i64(*axes),), keepdims=keep, opset=13)
            else:
                add(op, X, axes=axes, keepdims=keep, opset=13)
    add(op, X, opset=13)
    if op != "ReduceSum":
        add(op, (2, 3, 2, 3, 2, 3), axes=[0, 2, 4], opset=13)
add("ReduceLogSumExp", X, axes=[2], opset=13, low=-50, high=90)
add("ReduceLogSum", X, axes=[2], opset=13, low=0.1)
add("ReduceMean", X, c=(i64(1, 2),), opset=18)
for op in ("ArgMax", "ArgMin"):
    add(op, X, axis=1)
    add(op, X, axis=3, keepdims=0)
    add(op, (1, 20), axis=-1, select_last_index=1)
add("TopK", X, c=(i64(1),), axis=1, outputs=2)
add("TopK", X, c=(i64(1),), axis=3, outputs=2, largest=0)

add("MatMul", (1, 5, 7), c=(f32(7, 4),))
add("MatMul", (1, 7), c=(f32(7, 4),))
add("MatMul", (7,), c=(f32(7, 4),))
add("MatMul", (1, 5, 7), c=(f32(7),))
add("MatMul", (2, 3, 5, 7), c=(f32(7, 4),))
CASES += [Case("MatMul", ((1, 7, 4),), (f32(5, 7), 0)), Case("MatMul", ((2, 3, 7, 4),), (f32(3, 5, 7), 0))]
add("MatMul", (1, 3, 5, 7), c=(f32(3, 7, 4),))
add("MatMul", (1, 5, 7), c=(f32(1, 7, 4),))
add("MatMul", (1, 3, 5, 7), (1, 3, 7, 4))
add("MatMul", (2, 3, 5, 7), (2, 3, 7, 4))
add("MatMul", (2, 1, 5, 7), (1, 3, 7, 4))
add("MatMul", (5, 7), (7, 4))
add("MatMul", (3, 5, 7), (7, 4))
add("MatMul", (5, 7), (3, 7, 4))
add("MatMul", (2, 1, 3, 5, 7), (3, 7, 4))
for ta, tb in itertools.product((0, 1), (0, 1)):
    a, b = ((7, 5) if ta else (5, 7)), ((4, 7) if tb else (7, 4))
    for bias in (f32(4), f32(1, 4), f32(1), f32(5, 1), f32(5, 4), scalar(0.4), None):
        add("Gemm", a, c=(f32(*b), bias), transA=ta, transB=tb, alpha=0.7, beta=1.3)
    add("Gemm", a, b, transA=ta, transB=tb, alpha=0.7)
    add("Gemm", a, b, (4,), transA=ta, transB=tb, beta=0.5)
add("Gemm", (1, 7), c=(f32(7, 4), f32(4)))
for equation, shapes in {
    "bhid,bhjd->bhij": ((1, 2, 3, 4), (1, 2, 5, 4)),
    "nkctv,kvw->nctw": ((1, 2, 3, 4, 5), (2, 5, 6)),
    "bchw,bkc->bkhw": ((1, 3, 4, 5), (1, 2, 3)),
    "ij,jk": ((3, 4), (4, 5)),
    "i,i->": ((5,), (5,)),
    "abc,abc->ab": ((1, 3, 4), (1, 3, 4)),
    "bij->bji": ((2, 3, 4),),
    "bij->b": ((2, 3, 4),),
    "bid,d->bi": ((1, 3, 4), (4,)),
}.items():
    add("Einsum", *shapes, equation=equation)

for attributes in (
    {},
    {"pads": [1, 1, 1, 1]},
    {"pads": [0, 1, 2, 1], "strides": [2, 1]},
    {"dilations": [2, 1], "pads": [2, 1, 2, 1]},
    {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
    {"auto_pad": "SAME_LOWER", "strides": [2, 2]},
    {"auto_pad": "VALID"},
):
    add("Conv", (1, 4, 9, 10), c=(f32(6, 4, 3, 3), f32(6)), **attributes)
    add("Conv", (1, 4, 9, 10), c=(f32(6, 2, 3, 3),), group=2, **attributes)
    add("Conv", (1, 4, 9, 10), c=(f32(4, 1, 3, 3), f32(4)), group=4, **attributes)
    add("ConvTranspose", (1, 4, 5, 6), c=(f32(4, 6, 3, 3), f32(6)), **attributes)
    add("ConvTranspose", (1, 4, 5, 6), c=(f32(4, 3, 3, 3),), group=2, **attributes)
    add("ConvTranspose", (1, 4, 5, 6), c=(f32(4, 1, 3, 3), f32(4)), group=4, **attributes)
add("Conv", (3, 4, 9, 10), c=(f32(6, 4, 3, 3), f32(6)))
add("Conv", (1, 4, 9), c=(f32(6, 4, 3), f32(6)), pads=[1, 0], strides=[2])
add("Conv", (1, 4, 9), c=(f32(4, 1, 3), f32(4)), pads=[1, 1], group=4, dilations=[2])
add("Conv", (1, 2, 5, 6, 7), c=(f32(3, 2, 3, 2, 3), f32(3)), pads=[1, 0, 1, 0, 1, 1], strides=[1, 2, 1])
add("Conv", (1, 2, 6, 7), (3, 2, 3, 3))
add("Conv", (1, 2, 6, 7), (3, 2, 3, 3), (3,), pads=[1, 1, 1, 1])
add(
    "ConvTranspose", (1, 4, 5, 6), c=(f32(4, 6, 3, 3), f32(6)), strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1]
)
add("ConvTranspose", (1, 4, 5, 6), c=(f32(4, 6, 2, 2), f32(6)), strides=[2, 2], output_padding=[1, 1])
add("ConvTranspose", (1, 4, 5, 6), c=(f32(4, 6, 3, 3),), strides=[2, 2], output_shape=[10, 12])
add("ConvTranspose", (1, 4, 5), c=(f32(4, 6, 4), f32(6)), strides=[2], pads=[1, 1])
add("ConvTranspose", (1, 2, 3, 4, 5), c=(f32(2, 3, 3, 3, 3), f32(3)), strides=[2, 1, 2], pads=[1, 1, 1, 1, 1, 0])
for op in ("MaxPool", "AveragePool"):
    add(op, X, kernel_shape=[2, 2], strides=[2, 2])
    add(op, (1, 4, 7, 9), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    add(op, (1, 4, 7, 9), kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    add(op, (1, 4, 8, 9), kernel_shape=[3, 2], strides=[2, 3], pads=[1, 0, 0, 1], ceil_mode=1)
    add(op, (1, 4, 7, 9), kernel_shape=[3, 3], auto_pad="SAME_UPPER", strides=[2, 2])
    add(op, (1, 4, 7, 9), kernel_shape=[2, 2], auto_pad="SAME_LOWER")
    add(op, (1, 4, 11), kernel_shape=[3], strides=[2], pads=[1, 1])
    add(op, (1, 2, 5, 6, 7), kernel_shape=[2, 3, 2], strides=[2, 1, 2])
    add(op, (2, 4, 7, 9), kernel_shape=[3, 3])
    add(op, (1, 4, 8, 9), kernel_shape=[2, 2], strides=[3, 3])
add("AveragePool", (1, 4, 7, 9), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1)
add(
    "AveragePool",
    (1, 4, 8, 10),
    kernel_shape=[3, 3],
    strides=[2, 2],
    pads=[1, 0, 0, 1],
    count_include_pad=1,
    ceil_mode=1,
)
for op in ("GlobalAveragePool", "GlobalMaxPool"):
    add(op, X)
    add(op, (1, 4, 9))
    add(op, (2, 4, 5, 6))

for shape in (X, (1, 4), (1, 4, 9), (3, 4, 5, 6), (1, 4, 2, 3, 4)):
    add("BatchNormalization", shape, c=(f32(4), f32(4, seed=1), f32(4, seed=2), f32(4, low=0.5, high=2)))
add("InstanceNormalization", X, c=(f32(4), f32(4, seed=1)), epsilon=1e-3)
add("InstanceNormalization", (1, 4, 9), c=(f32(4), f32(4, seed=1)))
add("InstanceNormalization", (2, 4, 5, 6), c=(f32(4), f32(4, seed=1)))
add("GroupNormalization", (1, 4, 5, 6), c=(f32(4), f32(4, seed=1)), num_groups=2, opset=21)
add("GroupNormalization", (1, 4, 5, 6), c=(f32(2), f32(2, seed=1)), num_groups=2, opset=18)
add("LayerNormalization", (1, 5, 8), c=(f32(8), f32(8, seed=1)))
add("LayerNormalization", (1, 5, 8), c=(f32(8),), epsilon=1e-3)
add("LayerNormalization", X, c=(f32(6, 8), f32(6, 8, seed=1)), axis=2)
add("LayerNormalization", (1, 8), c=(f32(8), f32(8, seed=1)))
add("LayerNormalization", (1, 5, 8), (8,), (8,))
add("RMSNormalization", (1, 5, 8), c=(f32(8),), opset=23)
add("MeanVarianceNormalization", X)
add("LpNormalization", X, axis=1)
add("LpNormalization", X, axis=-1, p=1)
add("LRN", X, size=3)
add("LRN", X, size=5, alpha=0.01, beta=0.6, bias=1.5)

for direction, d in (("forward", 1), ("reverse", 1), ("bidirectional", 2)):
    for op, g in (("LSTM", 4), ("GRU", 3), ("RNN", 1)):
        extra = {"linear_before_reset": 1} if op == "GRU" else {}
        outs = 3 if op == "LSTM" else 2
        w = (f32(d, g * 5, 6), f32(d, g * 5, 5, seed=1), f32(d, 2 * g * 5, seed=2))
        add(op, (7, 1, 6), c=w, hidden_size=5, direction=direction, outputs=outs, **extra)
        add(op, (7, 1, 6), c=w[:2], hidden_size=5, direction=direction, **extra)
        states = (d, 1, 5)
        count = 2 if op == "LSTM" else 1
        CASES.append(
            Case(
                op,
                ((7, 1, 6), *[states] * count),
                (0, *w, None, *range(1, 1 + count)),
                {"hidden_size": 5, "direction": direction, **extra},
                outputs=outs,
            )
        )

        more = {**extra, "hidden_size": 5, "direction": direction}
        add(op, (7, 3, 6), c=w, outputs=outs, **more)
        add(op, (7, 1, 6), c=w, clip=0.3, **more)
        names = {"LSTM": ["HardSigmoid", "Softsign", "Elu"], "GRU": ["HardSigmoid", "ScaledTanh"], "RNN": ["Relu"]}
        add(op, (7, 1, 6), c=w, activations=names[op] * d, **more)
        scales = {"activation_alpha": [0.9, 0.7], "activation_beta": [0.5, 1.2]}
        add(op, (7, 1, 6), c=w, activations=[*names[op][:-1], "ScaledTanh"] * d, **scales, **more)
        if op == "GRU":
            add(op, (7, 1, 6), c=w, outputs=outs, hidden_size=5, direction=direction)
            add(op, (4, 2, 6), c=w, hidden_size=5, direction=direction, linear_before_reset=0)
        if op == "LSTM":
            add(op, (7, 1, 6), c=w, input_forget=1, **more)
            add(op, (7, 1, 6), c=(*w, None, None, None, f32(d, 15, seed=4)), **more)
            CASES.append(Case(op, ((7, 1, 6), states), (0, *w, None, 1), more, outputs=outs))

for mode, coordinate, nearest in (
    ("nearest", "asymmetric", "floor"),
    ("nearest", "half_pixel", "round_prefer_floor"),
    ("nearest", "asymmetric", "ceil"),
    ("linear", "half_pixel", None),
    ("linear", "align_corners", None),
    ("linear", "asymmetric", None),
    ("linear", "pytorch_half_pixel", None),
    ("cubic", "half_pixel", None),
    ("cubic", "align_corners", None),
    ("cubic", "asymmetric", None),
):
    given = {
        "mode": mode,
        "coordinate_transformation_mode": coordinate,
        **({"nearest_mode": nearest} if nearest else {}),
    }
    for size in ((12, 16), (3, 4), (9, 5), (1, 1)):
        if size != (1, 1) or coordinate != "align_corners":
            add("Resize", X, c=(None, None, i64(1, 4, *size)), **given)
    add("Resize", X, c=(None, np.array([1, 1, 2, 2], np.float32)), **given)
    add("Resize", X, c=(None, np.array([1, 1, 1.7, 0.6], np.float32)), **given)
add("Resize", (1, 4, 9), c=(None, np.array([1, 1, 2], np.float32)), mode="linear")
add("Resize", (1, 2, 4, 5, 6), c=(None, np.array([1, 1, 2, 2, 1], np.float32)), mode="nearest")
add("Upsample", X, c=(np.array([1, 1, 2, 2], np.float32),), mode="linear", opset=9)
add("Upsample", X, c=(np.array([1, 1, 2, 3], np.float32),), mode="nearest", opset=9)
for attributes in (
    {},
    {"pads": [1, 1, 1, 1]},
    {"pads": [0, 1, 2, 0], "strides": [2, 3]},
    {"strides": [3, 1], "dilations": [2, 1]},
    {"strides": [4, 4], "pads": [1, 0, 1, 0]},
    {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
):
    add("Conv", (3, 4, 9, 10), c=(f32(6, 4, 3, 3), f32(6)), **attributes)
    add("Conv", (5, 4, 9, 10), c=(f32(4, 1, 3, 2),), group=4, **attributes)
add("Conv", (3, 4, 9), c=(f32(6, 4, 3), f32(6)), pads=[1, 0], strides=[2])
add("Conv", (3, 4, 6, 7), c=(f32(6, 4, 1, 1), f32(6)))
for mode in ("DCR", "CRD"):
    add("DepthToSpace", (3, 8, 4, 5), blocksize=2, mode=mode)
add("Clip", X, (), c=(0, 1))
add("Clip", X, (), c=(0, None, 1))
add("Clip", X, (), c=(0, 1, scalar(1.0)))
for mode, padding, aligned in itertools.product(("bilinear", "nearest"), ("zeros", "border", "reflection"), (0, 1)):
    add("GridSample", X, (1, 5, 7, 2), mode=mode, padding_mode=padding, align_corners=aligned, low=-1.2, high=1.2)


def model_of(case: Case) -> onnx.ModelProto:
    places = [f"x{index}" for index in range(len(case.shapes))]
    inputs, initializers = [], []
    order: list[Any] = list(case.constants)
    if not any(isinstance(one, int) for one in order):
        order = [*range(len(case.shapes)), *order]
    for index, one in enumerate(order):
        if one is None:
            inputs.append("")
        elif isinstance(one, int):
            inputs.append(places[one])
        else:
            inputs.append(f"c{index}")
            initializers.append(numpy_helper.from_array(np.asarray(one), f"c{index}"))
    names = [f"y{index}" for index in range(case.outputs)]
    graph = helper.make_graph(
        [helper.make_node(case.op, inputs, names, **case.attributes)],
        "case",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in zip(places, case.shapes, strict=True)],
        [onnx.ValueInfoProto(name=name) for name in names],
        initializers,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", case.opset)], ir_version=8)


def check(model: onnx.ModelProto, samples: list[dict[str, np.ndarray]], tolerance: float = 2e-4) -> None:
    """Convert, and compare all outputs for every sample."""
    source = OnnxPredictor(model, threads=1)
    expected = [source.run(sample) for sample in samples]
    made = convert_onnx(model, samples[0])
    predictor = NcnnPredictor(made, expected[0], threads=1)
    for sample, outputs in zip(samples, expected, strict=True):
        found = predictor.run(sample)
        assert list(found) == list(outputs)
        for name, values in outputs.items():
            scale = max(1.0, float(np.abs(values[np.isfinite(values)]).max(initial=0.0)))
            np.testing.assert_allclose(found[name], values, atol=tolerance * scale, rtol=tolerance)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_operator_gives_the_numbers_of_onnxruntime(case: Case) -> None:
    random = np.random.default_rng(0)
    samples = [
        {
            f"x{index}": random.uniform(case.low, case.high, shape).astype(np.float32)
            for index, shape in enumerate(case.shapes)
        }
        for _ in range(2)
    ]
    check(model_of(case), samples)

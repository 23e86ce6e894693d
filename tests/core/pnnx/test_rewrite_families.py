"""Each spelling that pnnx does not read: the rewritten graph gives the same numbers, and so does ncnn."""

import numpy as np
import pytest
from onnx import TensorProto, helper

from core.pnnx import rewrite
from core.pnnx.rewrite import rewrite_for_pnnx
from core.runtimes.onnx import OnnxPredictor
from ncnn_small import conv_then, onnx_model, outputs_by_pnnx

RANDOM = np.random.default_rng(8)
FLOAT, BOOL, UINT8, INT32, INT64 = (
    TensorProto.FLOAT,
    TensorProto.BOOL,
    TensorProto.UINT8,
    TensorProto.INT32,
    TensorProto.INT64,
)


def weight(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


def ints(*numbers):
    return np.array(numbers, np.int64)


def node(operator, *inputs, to="y", **attributes):
    return helper.make_node(operator, list(inputs), to.split(), f"{operator}_{to}", **attributes)


def with_opset(version, model):
    model.opset_import[0].version = version
    return model


def wide(*nodes, channels=8, **weights):
    """As ``conv_then``, with more channels."""
    before = node("Conv", "x", "w", to="c")
    x, y = ("x", FLOAT, [1, 3, 6, 6]), ("y", FLOAT, None)
    return onnx_model([before, *nodes], [x], [y], w=weight(channels, 3, 1, 1), **weights)


def words(*nodes, other=None, **weights):
    """An embedding ``e`` of ``ids`` times a matrix, ``h``; ``other`` is the type of an input ``mask``."""
    before = [node("Gather", "table", "ids", to="e"), node("MatMul", "e", "w", to="h")]
    inputs = [("ids", INT64, [1, 6]), *([("mask", other, [1, 6])] if other else [])]
    return onnx_model([*before, *nodes], inputs, [("y", FLOAT, None)], table=weight(9, 8), w=weight(8, 8), **weights)


def resized(**attributes):
    return conv_then(node("Resize", "c", "", "s", **attributes), s=np.array([1, 1, 2, 2], np.float32))


def transposed(kernel=3, stride=2, shape=(4, 4), **attributes):
    made = node("ConvTranspose", "c", "k", strides=[stride] * 2, **attributes)
    return conv_then(made, k=weight(*shape, kernel, kernel))


def picture(kind):
    nodes = [
        cast("x", FLOAT, "f"),
        node("Mul", "f", "scale", to="g"),
        node("Conv", "g", "k"),
    ]
    scale, x = np.float32(1 / 255), ("x", kind, [1, 3, 8, 8])
    return onnx_model(nodes, [x], [("y", FLOAT, None)], scale=scale, k=weight(4, 3, 3, 3))


def cast(name, kind, to="y"):
    return helper.make_node("Cast", [name], [to], f"Cast_{to}", to=kind)


PADS = ints(0, 1, 1, 2, 0, 0, 2, 1)
SPELLINGS = {
    # attributes left at their defaults, or written out
    "Pad without mode": lambda: conv_then(node("Pad", "c", "p"), p=PADS),
    "Pad with axes": lambda: with_opset(18, conv_then(node("Pad", "c", "p", "", "a"), p=ints(1, 2), a=ints(-1))),
    "Gather with axis 0": lambda: onnx_model(
        [node("Gather", "t", "ids", to="e", axis=0), node("MatMul", "e", "w")],
        [("ids", INT64, [1, 6])],
        [("y", FLOAT, None)],
        t=weight(20, 8),
        w=weight(8, 4),
    ),
    "int32 ids cast to int64": lambda: onnx_model(
        [cast("ids", INT64, "i"), node("Gather", "t", "i", to="e"), node("MatMul", "e", "w")],
        [("ids", INT32, [1, 6])],
        [("y", FLOAT, None)],
        t=weight(20, 8),
        w=weight(8, 4),
    ),
    "Split without sizes": lambda: conv_then(node("Split", "c", to="a b", axis=1), node("Concat", "b", "a", axis=1)),
    "Split into unequal parts by number": lambda: with_opset(
        18, wide(node("Split", "c", to="a b d", axis=1, num_outputs=3), node("Concat", "d", "a", "b", axis=1))
    ),
    "Clip with an infinite bound": lambda: conv_then(
        node("Clip", "c", "a", "b"), a=np.float32(-0.5), b=np.float32(np.inf)
    ),
    "Gemm with factors and one bias": lambda: conv_then(
        node("GlobalAveragePool", "c", to="g"),
        node("Flatten", "g", to="f"),
        node("Gemm", "f", "m", "b", alpha=0.5, beta=2.0),
        m=weight(4, 5),
        b=weight(1),
    ),
    "Squeeze before Gemm": lambda: conv_then(
        node("GlobalAveragePool", "c", to="g"),
        node("Squeeze", "g", "a", to="f"),
        node("Gemm", "f", "m"),
        a=ints(2, 3),
        m=weight(4, 5),
    ),
    "LayerNormalization without bias": lambda: words(node("LayerNormalization", "h", "s"), s=weight(8)),
    "LpNormalization": lambda: conv_then(node("LpNormalization", "c", axis=1)),
    "Selu with attributes": lambda: conv_then(node("Selu", "c", alpha=1.5, gamma=1.1)),
    "ThresholdedRelu": lambda: conv_then(node("ThresholdedRelu", "c", alpha=0.4)),
    "Softsign": lambda: conv_then(node("Softsign", "c")),
    "Shrink": lambda: conv_then(node("Shrink", "c", lambd=0.4, bias=0.1)),
    # any number of inputs, powers
    "Max of three": lambda: conv_then(
        node("Sin", "c", to="s"), node("Add", "c", "o", to="t"), node("Max", "c", "s", "t"), o=np.float32(0.1)
    ),
    "Min of one": lambda: conv_then(node("Min", "c", to="m"), node("Relu", "m")),
    "Sum of one": lambda: conv_then(node("Sum", "c", to="m"), node("Relu", "m")),
    "Mean of two": lambda: conv_then(node("Sin", "c", to="s"), node("Mean", "c", "s")),
    "Mean with a constant": lambda: conv_then(node("Mean", "c", "o"), o=np.float32(0.3)),
    "Pow with 3": lambda: conv_then(node("Pow", "c", "o"), o=np.float32(3)),
    # paddings
    "ConvTranspose SAME_UPPER": lambda: transposed(auto_pad="SAME_UPPER"),
    "ConvTranspose SAME_LOWER": lambda: transposed(auto_pad="SAME_LOWER"),
    "ConvTranspose VALID": lambda: transposed(auto_pad="VALID"),
    "ConvTranspose with a kernel below its stride": lambda: transposed(1, auto_pad="SAME_UPPER"),
    "ConvTranspose larger than computed": lambda: transposed(output_shape=[18, 18]),
    "ConvTranspose with output_shape": lambda: transposed(output_shape=[16, 16]),
    "ConvTranspose with asymmetric pads": lambda: transposed(pads=[1, 0, 0, 2]),
    "Conv without kernel_shape, SAME_LOWER": lambda: conv_then(
        node("Conv", "c", "k", auto_pad="SAME_LOWER", strides=[2, 2]), k=weight(4, 4, 2, 2)
    ),
    # reductions
    "ReduceMax over height and width": lambda: conv_then(node("ReduceMax", "c", axes=[2, 3], keepdims=0)),
    "ReduceMin over two axes": lambda: conv_then(node("ReduceMin", "c", axes=[-3, -1])),
    "ReduceSum over one axis": lambda: conv_then(node("ReduceSum", "c", "a", keepdims=0), a=ints(1)),
    "ReduceMean of opset 18": lambda: with_opset(18, conv_then(node("ReduceMean", "c", "a"), a=ints(-1))),
    # blocks
    "DepthToSpace DCR after a convolution": lambda: wide(
        node("Relu", "c", to="r"), node("DepthToSpace", "r", blocksize=2)
    ),
    "DepthToSpace DCR alone": lambda: wide(
        node("Sin", "c", to="r"), node("DepthToSpace", "r", blocksize=2, mode="DCR")
    ),
    "DepthToSpace DCR written out": lambda: wide(
        node("Reshape", "c", "a", to="r"),
        node("Transpose", "r", to="t", perm=[0, 3, 4, 1, 5, 2]),
        node("Reshape", "t", "b"),
        a=ints(1, 2, 2, 2, 6, 6),
        b=ints(1, 2, 12, 12),
    ),
    "SpaceToDepth": lambda: wide(node("SpaceToDepth", "c", blocksize=2)),
    "SpaceToDepth before a convolution": lambda: wide(
        node("SpaceToDepth", "c", to="d", blocksize=2), node("Conv", "d", "k"), k=weight(4, 32, 1, 1)
    ),
    # resizing
    "Resize without attributes": lambda: resized(),
    "Resize linear asymmetric": lambda: resized(mode="linear", coordinate_transformation_mode="asymmetric"),
    "Resize nearest align_corners": lambda: resized(mode="nearest", coordinate_transformation_mode="align_corners"),
    "Resize nearest, channels last": lambda: conv_then(
        node("Transpose", "c", to="t", perm=[0, 2, 3, 1]),
        node("Resize", "t", "", "s", to="r"),
        node("Transpose", "r", perm=[0, 3, 1, 2]),
        s=np.array([1, 2, 2, 1], np.float32),
    ),
    # repeats, indices, steps
    "Tile": lambda: conv_then(node("Tile", "c", "n"), n=ints(1, 1, 2, 3)),
    "Expand with fewer axes": lambda: conv_then(
        node("GlobalAveragePool", "c", to="g"), node("Expand", "g", "s"), s=ints(5, 6)
    ),
    "Gather of channels in another order": lambda: conv_then(node("Gather", "c", "i", axis=1), i=ints(2, 1, 3)),
    "Slice with a step": lambda: conv_then(
        node("Slice", "c", "a", "b", "d", "e"), a=ints(1, 0), b=ints(8, 7), d=ints(2, 3), e=ints(2, 3)
    ),
    "Slice backwards": lambda: conv_then(
        node("Slice", "c", "a", "b", "d", "e"), a=ints(-1), b=ints(-(1 << 40)), d=ints(1), e=ints(-1)
    ),
    "Slice without axes": lambda: conv_then(node("Slice", "c", "a", "b"), a=ints(0, 1, 2, 3), b=ints(1, 3, 5, 7)),
    # masks
    "Where on constants": lambda: conv_then(
        node("Where", "m", "c", "o"), m=RANDOM.random((8, 8)) > 0.5, o=np.float32(-1e9)
    ),
    "comparisons and logic": lambda: conv_then(
        node("Greater", "c", "a", to="g"),
        node("LessOrEqual", "c", "b", to="l"),
        node("And", "g", "l", to="n"),
        node("Not", "n", to="o"),
        node("Where", "o", "c", "b"),
        a=np.float32(-0.2),
        b=np.float32(0.4),
    ),
    "an integer mask that is cast": lambda: words(
        cast("mask", FLOAT, "m"), node("Unsqueeze", "m", "a", to="u"), node("Mul", "h", "u"), other=INT64, a=ints(2)
    ),
    "an integer mask that is compared": lambda: words(
        node("Equal", "mask", "z", to="m"),
        node("Unsqueeze", "m", "a", to="u"),
        node("Where", "u", "o", "h"),
        other=INT64,
        a=ints(2),
        z=np.array(0),
        o=np.float32(-1e9),
    ),
    "a boolean mask": lambda: words(
        node("Unsqueeze", "mask", "a", to="u"),
        node("Where", "u", "h", "o"),
        other=BOOL,
        a=ints(2),
        o=np.float32(-1e9),
    ),
    "a picture of bytes": lambda: picture(UINT8),
    # outputs
    "one tensor as two outputs": lambda: twice("r"),
    "an input as an output": lambda: twice("x"),
}


def twice(name):
    model = conv_then(node("Relu", "c", to="r"), node("Identity", "r"), node("Identity", name, to="z"))
    model.graph.output.append(helper.make_tensor_value_info("z", FLOAT, None))
    return model


def feeds(model):
    made = {}
    for value in model.graph.input:
        kind, shape = value.type.tensor_type.elem_type, [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        most = {"mask": 2, "ids": 9}.get(value.name, 256)
        numbers = weight(*shape) if kind == FLOAT else RANDOM.integers(0, most, shape)
        made[value.name] = numbers.astype(helper.tensor_dtype_to_np_dtype(kind))
    return made


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_spelling_is_rewritten_with_the_same_numbers_in_onnxruntime_and_ncnn(spelling, tmp_path):
    model = SPELLINGS[spelling]()
    given = feeds(model)
    expected = OnnxPredictor(model, threads=1).run(given)
    rewritten = rewrite_for_pnnx(model)
    kinds = {value.name: value.type.tensor_type.elem_type for value in rewritten.graph.input}
    cast_feeds = {name: tensor.astype(helper.tensor_dtype_to_np_dtype(kinds[name])) for name, tensor in given.items()}
    for name, tensor in OnnxPredictor(rewritten, threads=1).run(cast_feeds).items():
        assert tensor.shape == expected[name].shape and np.allclose(tensor, expected[name], rtol=1e-4, atol=1e-5)
    for name, tensor in outputs_by_pnnx(model, given, tmp_path).items():
        assert np.allclose(tensor, expected[name], rtol=1e-4, atol=1e-5)


def test_integers_that_are_looked_up_stay_integers():
    masked = SPELLINGS["an integer mask that is cast"]()
    kinds = [value.type.tensor_type.elem_type for value in rewrite_for_pnnx(masked).graph.input]
    assert kinds == [INT64, FLOAT]


def test_a_rewrite_that_fails_is_left_out_alone(monkeypatch):
    def broken(graph):
        graph.remove(graph[-1], safe=False)
        raise KeyError("a pattern that nobody thought of")

    usual = rewrite.rewrites
    monkeypatch.setattr(rewrite, "rewrites", lambda opset: (broken, *usual(opset)))
    rewritten = rewrite_for_pnnx(SPELLINGS["Max of three"]())
    assert [found.op_type for found in rewritten.graph.node][-2:] == ["Max", "Max"]

"""Quantised models turned back into float: weights to the last bits, activations without their rounding."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.conversion.cut import run_model
from core.onnx_model.graph import copy_model
from core.onnx_model.normalize.dequantize import dequantize
from core.onnx_model.normalize.edit import drop_unused
from core.onnx_model.shapes import drop_data
from core.onnx_model.source import quantized_operators
from quantized import quantized
from rewritten import constant, model_of, node, operators, rewritten, scalar, unchanged, value
from small import save

KINDS = ["qdq-signed", "qdq-unsigned", "qoperator-signed", "qoperator-unsigned", "dynamic-signed", "dynamic-unsigned"]
NOISE = np.random.default_rng(99).standard_normal((1, 3, 32, 32)).astype(np.float32)


def integers(name, dtype, *shape, seed=0):
    limits = np.iinfo(dtype)
    values = np.random.default_rng(seed).integers(max(limits.min, -30000), min(limits.max, 30000), shape)
    return numpy_helper.from_array(values.astype(dtype), name)


def floats(name, *numbers):
    return numpy_helper.from_array(np.array(numbers, np.float32) if len(numbers) > 1 else np.float32(numbers[0]), name)


def dequantized(model, **options):
    changed = copy_model(model)
    assert dequantize(changed, **options)
    drop_unused(changed)
    return changed


def clip_limits(model):
    values = {
        tensor.name: float(numpy_helper.to_array(tensor)) for tensor in model.graph.initializer if not tensor.dims
    }
    return [tuple(values[name] for name in one.input[1:]) for one in model.graph.node if one.op_type == "Clip"]


@pytest.mark.parametrize(
    ("dtype", "scale", "zero_point", "attributes"),
    [
        (np.int8, [0.1], None, {}),
        (np.uint8, [0.1], [128], {}),
        (np.uint16, [0.01], [700], {}),
        (np.int32, [0.001], None, {}),
        (np.int8, [0.1, 0.2, 0.3, 0.4], [1, -2, 3, 0], {"axis": 1}),
        (np.int8, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], None, {"axis": 0}),
        (np.uint8, [0.5, 0.25, 0.1, 0.2], [9, 8, 7, 6], {"axis": -1}),
    ],
)
@pytest.mark.parametrize("domain", ["", "com.microsoft"])
def test_constants_become_what_onnxruntime_makes_of_them(dtype, scale, zero_point, attributes, domain):
    weights = [integers("w", dtype, 6, 4), floats("s", *scale)]
    inputs = ["w", "s"]
    if zero_point is not None:
        weights.append(numpy_helper.from_array(np.array(zero_point, dtype).squeeze(), "z"))
        inputs.append("z")
    if domain and dtype == np.uint16 and zero_point is None:
        pytest.skip("onnxruntime has no such kernel")
    nodes = [node("DequantizeLinear", inputs, ["d"], domain=domain, **attributes), node("Add", ["x", "d"], ["y"])]
    model = model_of(nodes, [value("x", [6, 4])], [value("y", [6, 4])], weights, opset=21, domains=("com.microsoft",))
    assert operators(rewritten(model, dequantize, atol=1e-6)) == ["Add"]


@pytest.mark.parametrize("block", [2, 4])
def test_blocks_share_a_scale(block):
    scales = constant("s", 2, 6 // block + (6 % block > 0), dtype=np.float32)
    nodes = [node("DequantizeLinear", ["w", "s"], ["d"], axis=1, block_size=block), node("Add", ["x", "d"], ["y"])]
    weights = [integers("w", np.int8, 2, 6), scales]
    model = model_of(nodes, [value("x", [2, 6])], [value("y", [2, 6])], weights, opset=21)
    changed = dequantized(model)
    found = run_model(changed, {"x": np.zeros((2, 6), np.float32)})["y"]
    spread = np.repeat(numpy_helper.to_array(scales), block, 1)[:, :6]
    assert np.array_equal(found, numpy_helper.to_array(weights[0]) * spread)


def test_integers_of_4_bit():
    weight = helper.make_tensor("w", TensorProto.INT4, [2, 3], [-8, 7, 1, 0, -1, 3])
    nodes = [node("DequantizeLinear", ["w", "s"], ["d"]), node("Add", ["x", "d"], ["y"])]
    model = model_of(nodes, [value("x", [2, 3])], [value("y", [2, 3])], [weight, floats("s", 0.5)], opset=21)
    found = run_model(dequantized(model), {"x": np.zeros((2, 3), np.float32)})["y"]
    assert found.tolist() == [[-4, 3.5, 0.5], [0, -0.5, 1.5]]


def test_weights_that_are_quantised_at_each_run_become_their_rounded_values():
    """As PyTorch exports training that knows of quantisation: narrow ranges are a Clip of integers."""
    nodes = [
        node("QuantizeLinear", ["w", "s", "z"], ["q"]),
        node("Clip", ["q", "least", "most"], ["c"]),
        node("DequantizeLinear", ["c", "s", "z"], ["d"]),
        node("MatMul", ["x", "d"], ["y"]),
    ]
    weights = [constant("w", 4, 5), floats("s", 0.02), scalar("z", 0, np.int8)]
    weights += [scalar("least", -127, np.int8), scalar("most", 127, np.int8)]
    model = model_of(nodes, [value("x", [2, 4])], [value("y", [2, 5])], weights)
    assert not quantized_operators(operators(rewritten(model, dequantize)))


def test_an_activation_passes_and_a_relu_that_was_removed_comes_back():
    nodes = [
        node("QuantizeLinear", ["x", "s", "middle"], ["xq"]),
        node("DequantizeLinear", ["xq", "s", "middle"], ["xd"]),
        node("MatMul", ["xd", "w"], ["m"]),
        node("QuantizeLinear", ["m", "s", "least"], ["mq"]),
        node("DequantizeLinear", ["mq", "s", "least"], ["md"]),
        node("Sigmoid", ["md"], ["g"]),
        node("QuantizeLinear", ["g", "s", "least"], ["gq"]),
        node("DequantizeLinear", ["gq", "s", "least"], ["y"]),
    ]
    weights = [constant("w", 4, 5), floats("s", 0.02), scalar("middle", 128, np.uint8), scalar("least", 0, np.uint8)]
    model = model_of(nodes, [value("x", [2, 4])], [value("y", [2, 5])], weights)
    changed = rewritten(model, dequantize, atol=0.1)
    assert operators(changed) == ["MatMul", "Clip", "Sigmoid", "Identity"]
    assert np.allclose(clip_limits(changed), [(0, 5.1)])
    everywhere = clip_limits(dequantized(model, saturate=True))
    assert np.allclose(everywhere, [(-2.56, 2.54), (0, 5.1), (0, 5.1)])


def test_what_only_moves_integers_moves_floats():
    nodes = [
        node("QuantizeLinear", ["x", "s"], ["q"]),
        node("MaxPool", ["q"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Transpose", ["p"], ["t"], perm=[0, 2, 3, 1]),
        node("Concat", ["t", "t"], ["c"], axis=3),
        node("Split", ["c"], ["a", "b"], axis=3, num_outputs=2),
        node("DequantizeLinear", ["b", "s"], ["y"]),
    ]
    inputs, outputs = [value("x", [1, 2, 4, 4])], [value("y", [1, 2, 2, 2])]
    changed = rewritten(
        model_of(nodes, inputs, outputs, [floats("s", 0.02)], opset=18),
        dequantize,
        feeds={"x": np.abs(NOISE[:, :2, :4, :4])},
        atol=0.011,
    )
    assert operators(changed) == ["MaxPool", "Transpose", "Concat", "Split", "Identity"]


@pytest.mark.parametrize("fill", [None, 0, 7])
def test_a_pad_of_integers_fills_with_the_number(fill):
    inputs = ["q", "pads"] if fill is None else ["q", "pads", "fill"]
    nodes = [
        node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        node("Pad", inputs, ["p"]),
        node("DequantizeLinear", ["p", "s", "z"], ["y"]),
    ]
    weights = [floats("s", 0.02), scalar("z", 128, np.uint8), numpy_helper.from_array(np.array([0, 1, 0, 2]), "pads")]
    weights += [] if fill is None else [scalar("fill", fill, np.uint8)]
    model = model_of(nodes, [value("x", [1, 4])], [value("y", [1, 7])], weights)
    x = np.array([[-1, 0, 1, 2]], np.float32)
    assert operators(rewritten(model, dequantize, feeds={"x": x}, atol=0.011)) == ["Pad", "Identity"]


def test_an_embedding_stored_in_8_bit():
    nodes = [node("Gather", ["w", "x"], ["g"]), node("DequantizeLinear", ["g", "s", "z"], ["y"])]
    weights = [integers("w", np.uint8, 9, 4), floats("s", 0.1), scalar("z", 100, np.uint8)]
    model = model_of(nodes, [value("x", [1, 3], TensorProto.INT64)], [value("y", [1, 3, 4])], weights)
    changed = rewritten(model, dequantize, feeds={"x": np.array([[1, 8, 0]])})
    assert operators(changed) == ["Gather", "Identity"] and "uint8" not in str(changed.graph.initializer[0])


def test_integers_given_as_an_input_are_computed_from():
    nodes = [node("DequantizeLinear", ["x", "s", "z"], ["d"]), node("MatMul", ["d", "w"], ["y"])]
    weights = [floats("s", 0.1), scalar("z", 100, np.uint8), constant("w", 4, 5)]
    model = model_of(nodes, [value("x", [1, 4], TensorProto.UINT8)], [value("y", [1, 5])], weights)
    changed = rewritten(model, dequantize, feeds={"x": np.array([[1, 250, 0, 100]], np.uint8)})
    assert operators(changed) == ["Cast", "Sub", "Mul", "MatMul"]


def test_weights_behind_a_cast_and_a_mul_beside_8_bit_steps():
    nodes = [
        node("Cast", ["w"], ["c"], to=TensorProto.FLOAT),
        node("Mul", ["c", "ws"], ["wf"]),
        node("MatMul", ["x", "wf"], ["m"]),
        node("QuantizeLinear", ["m", "s", "z"], ["q"]),
        node("DequantizeLinear", ["q", "s", "z"], ["y"]),
    ]
    weights = [integers("w", np.int8, 4, 5), constant("ws", 1, 5), floats("s", 4), scalar("z", 0, np.int8)]
    model = model_of(nodes, [value("x", [1, 4])], [value("y", [1, 5])], weights)
    assert operators(rewritten(model, dequantize, atol=2.1)) == ["MatMul", "Identity"]


def test_onnxruntimes_operators_for_dynamic_products():
    nodes = [node("DynamicQuantizeMatMul", ["x", "w", "s", "z", "b"], ["y"], domain="com.microsoft")]
    small = np.random.default_rng(0).integers(-63, 64, (4, 5), np.int8)  # larger ones saturate on some processors
    weights = [numpy_helper.from_array(small, "w"), numpy_helper.from_array(np.zeros(5, np.int8), "z")]
    weights += [constant("s", 5), constant("b", 5)]
    arguments = nodes, [value("x", [2, 4])], [value("y", [2, 5])], weights
    changed = rewritten(model_of(*arguments, domains=("com.microsoft",)), dequantize, atol=4)
    assert operators(changed) == ["MatMul", "Add"]


@pytest.mark.parametrize("kind", KINDS)
def test_models_of_onnxruntimes_quantiser(kind, tmp_path):
    model = onnx.load(str(quantized(tmp_path / "q.onnx", kind)))
    changed = dequantized(model)
    left = operators(changed)
    assert not quantized_operators(left) and left.count("Conv") == 3 and left.count("GlobalAveragePool") == 1
    assert left.count("Relu") + left.count("Clip") == 3
    made, expected = (run_model(one, {"input": NOISE})["scores"] for one in (changed, model))
    original = run_model(onnx.load(str(tmp_path / "float.onnx")), {"input": NOISE})["scores"]
    noise = np.abs(expected - original).max()
    assert np.abs(made - expected).max() < 2 * noise and np.abs(made - original).max() < 2 * noise


@pytest.mark.parametrize("kind", KINDS)
def test_the_structure_is_the_same_without_the_data_of_weights(kind, tmp_path):
    model = onnx.load(str(quantized(tmp_path / "q.onnx", kind)))
    structure = copy_model(model)
    drop_data(structure.graph)
    assert operators(dequantized(structure)) == operators(dequantized(model))


def test_residuals_and_gates_in_qoperator_form(tmp_path):
    nodes = [
        helper.make_node("Conv", ["input", "w"], ["c"], "conv", pads=[1] * 4),
        helper.make_node("Sigmoid", ["c"], ["g"], "gate"),
        helper.make_node("Mul", ["c", "g"], ["m"], "swish"),
        helper.make_node("Add", ["m", "input"], ["a"], "add"),
        helper.make_node("Concat", ["a", "m"], ["k"], "join", axis=1),
        helper.make_node("AveragePool", ["k"], ["p"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("MatMul", ["p", "v"], ["y"], "matmul"),
    ]
    inputs, outputs = [value("input", [1, 3, 32, 32])], [value("y", [1, 6, 16, 8])]
    weights = [constant("w", 3, 3, 3, 3), constant("v", 16, 8)]
    source = save(nodes, inputs, outputs, weights, tmp_path / "float.onnx")
    model = onnx.load(str(quantized(tmp_path / "q.onnx", "qoperator-unsigned", source=source)))
    assert len(quantized_operators(operators(model))) >= 7
    changed = dequantized(model)
    assert sorted(operators(changed)) == sorted([*(one.op_type for one in nodes), "Identity"])
    made, expected = (run_model(one, {"input": NOISE})["y"] for one in (changed, model))
    assert np.vdot(made, expected) / np.linalg.norm(made) / np.linalg.norm(expected) > 0.999


def test_other_scales_than_those_it_was_made_with_stay():
    nodes = [node("QuantizeLinear", ["x", "s"], ["q"]), node("DequantizeLinear", ["q", "other"], ["y"])]
    weights = [floats("s", 0.1), floats("other", 0.2)]
    assert unchanged(model_of(nodes, [value("x", [1, 4])], [value("y", [1, 4])], weights), dequantize)


def test_nodes_in_any_order_and_readers_in_branches():
    inner = helper.make_graph([node("Neg", ["d"], ["then"])], "then", [], [value("then", None)])
    other = helper.make_graph([node("Abs", ["d"], ["else"])], "else", [], [value("else", None)])
    nodes = [
        node("If", ["flag"], ["y"], then_branch=inner, else_branch=other),
        node("DequantizeLinear", ["q", "s"], ["d"]),
        node("QuantizeLinear", ["x", "s"], ["q"]),
    ]
    weights = [floats("s", 0.01), scalar("flag", True, np.bool_)]
    model = model_of(nodes, [value("x", [1, 4])], [value("y", None)], weights)
    changed = dequantized(model)
    x = np.array([[0, 0.5, 1, 2]], np.float32)
    assert np.allclose(run_model(changed, {"x": x})["y"], -x) and not quantized_operators(operators(changed))

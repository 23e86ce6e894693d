import numpy as np
import pytest
from onnx import TensorProto, helper

from core.conversion.to_ncnn import convert_to_ncnn
from core.pnnx.rewrite import rewrite_for_pnnx
from core.runtimes.onnx import OnnxPredictor
from ncnn_small import conv_then, onnx_model, outputs_by_pnnx

RANDOM = np.random.default_rng(5)
LAST = np.iinfo(np.int64).max
IMAGE = RANDOM.standard_normal((1, 3, 12, 8)).astype(np.float32)


def weight(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


def focus(*after, one_slice_each=False, last=LAST, step=2, **weights):
    """YOLO's first layer: each second row, then each second column, concatenated as channels."""
    nodes, numbers = [], {"step": [step], "last": [last], "rows": [2], "columns": [3], "both": [2, 3]}
    numbers["steps"], numbers["lasts"] = [step, step], [last, last]
    for down in range(step):
        numbers[f"at{down}"] = [down]
        if not one_slice_each:
            nodes.append(helper.make_node("Slice", ["x", f"at{down}", "last", "rows", "step"], [f"r{down}"]))
    pieces = []
    for right in range(step):  # YOLO goes down first
        for down in range(step):
            pieces.append(f"p{down}{right}")
            numbers[f"at{down}{right}"] = [down, right]
            inputs = [f"r{down}", f"at{right}", "last", "columns", "step"]
            if one_slice_each:
                inputs = ["x", f"at{down}{right}", "lasts", "both", "steps"]
            nodes.append(helper.make_node("Slice", inputs, [pieces[-1]]))
    nodes.append(helper.make_node("Concat", pieces, ["joined"], axis=1))
    constants = {name: np.array(values, np.int64) for name, values in numbers.items()}
    inputs = [("x", TensorProto.FLOAT, IMAGE.shape)]
    return onnx_model([*nodes, *after], inputs, [("y", TensorProto.FLOAT, None)], **constants, **weights)


def conv(**attributes):
    return helper.make_node("Conv", ["joined", "w", "b"], ["y"], **attributes)


def operators(model):
    return [node.op_type for node in model.graph.node]


def outputs(model):
    return OnnxPredictor(model, threads=1).run({"x": IMAGE})


def same(model, other, tolerance=1e-5):
    pairs = zip(outputs(model).values(), outputs(other).values(), strict=True)
    return all(a.shape == b.shape and np.allclose(a, b, atol=tolerance) for a, b in pairs)


@pytest.mark.parametrize("one_slice_each", [True, False])
def test_a_focus_and_its_convolution_become_one_convolution_with_the_same_outputs(one_slice_each):
    model = focus(conv(pads=[1] * 4), one_slice_each=one_slice_each, w=weight(5, 12, 3, 3), b=weight(5))
    rewritten = rewrite_for_pnnx(model)
    assert operators(rewritten) == ["Conv"] and same(model, rewritten)


def test_so_do_a_focus_with_step_4_and_a_strided_convolution():
    model = focus(conv(strides=[1, 2], pads=[1, 0, 1, 0]), step=4, w=weight(5, 48, 2, 2), b=weight(5))
    rewritten = rewrite_for_pnnx(model)
    assert operators(rewritten) == ["Conv"] and same(model, rewritten)


def test_a_focus_without_a_mergeable_convolution_becomes_a_convolution_of_its_own():
    grouped = focus(conv(group=2), w=weight(4, 6, 1, 1), b=weight(4))
    assert operators(rewrite_for_pnnx(grouped)) == ["Conv", "Conv"] and same(grouped, rewrite_for_pnnx(grouped))
    alone = focus(helper.make_node("Relu", ["joined"], ["y"]))
    assert operators(rewrite_for_pnnx(alone)) == ["Conv", "Relu"] and same(alone, rewrite_for_pnnx(alone))


def test_slices_that_leave_pixels_out_are_no_focus():
    model = focus(conv(), last=6, w=weight(5, 12, 1, 1), b=weight(5))
    rewritten = rewrite_for_pnnx(model)
    assert operators(rewritten).count("Conv") == 1 and "Slice" in operators(rewritten) and same(model, rewritten)


def test_ncnn_gives_the_outputs_of_a_focus(tmp_path):
    model = focus(conv(pads=[1] * 4), w=weight(5, 12, 3, 3), b=weight(5))
    made = convert_to_ncnn([model], references=[({"x": IMAGE}, outputs(model))], folder=tmp_path)
    assert [layer.type for layer in made.param.layers] == ["Input", "Convolution"]


@pytest.mark.parametrize("rule", ["SAME_UPPER", "SAME_LOWER"])
@pytest.mark.parametrize("operator", ["MaxPool", "Conv"])
def test_auto_pad_becomes_a_pad_node_and_is_right_in_ncnn(operator, rule, tmp_path):
    inputs, weights = (["x"], {}) if operator == "MaxPool" else (["x", "w"], {"w": weight(4, 3, 3, 3)})
    node = helper.make_node(operator, inputs, ["p"], kernel_shape=[3, 3], strides=[2, 2], auto_pad=rule)
    nodes = [node, helper.make_node("Neg", ["p"], ["y"])]
    model = onnx_model(nodes, [("x", TensorProto.FLOAT, IMAGE.shape)], [("y", TensorProto.FLOAT, None)], **weights)
    rewritten = rewrite_for_pnnx(model)
    assert operators(rewritten) == ["Pad", operator, "Neg"] and same(model, rewritten)
    assert np.allclose(outputs_by_pnnx(model, {"x": IMAGE}, tmp_path)["y"], outputs(model)["y"], rtol=1e-4, atol=1e-5)


def test_an_average_pool_that_does_not_count_asymmetric_pads_is_corrected_for_them(tmp_path):
    node = helper.make_node("AveragePool", ["x"], ["y"], kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 1, 1])
    model = onnx_model([node], [("x", TensorProto.FLOAT, IMAGE.shape)], [("y", TensorProto.FLOAT, None)])
    rewritten = rewrite_for_pnnx(model)
    assert operators(rewritten) == ["Pad", "AveragePool", "Mul"] and same(model, rewritten)
    assert np.allclose(outputs_by_pnnx(model, {"x": IMAGE}, tmp_path)["y"], outputs(model)["y"], rtol=1e-4, atol=1e-5)


def test_a_model_without_such_patterns_is_not_rewritten():
    assert rewrite_for_pnnx(conv_then(helper.make_node("Relu", ["c"], ["y"]))) is None


def test_the_source_is_not_changed_and_no_weight_is_overwritten():
    given = focus(conv(pads=[1] * 4), w=weight(5, 12, 3, 3), b=weight(5))
    before = given.SerializeToString()
    assert rewrite_for_pnnx(given) is not None and given.SerializeToString() == before
    joined = helper.make_node("Add", ["c", "joined_weight"], ["y"])
    convolution = helper.make_node("Conv", ["joined", "w", "b"], ["c"])
    taken = focus(convolution, joined, w=weight(5, 12, 1, 1), b=weight(5), joined_weight=weight(1))
    assert same(taken, rewrite_for_pnnx(taken))  # by the other rewrites


def test_slices_with_constant_nodes_are_rewritten_and_the_constants_stay_as_they_are():
    model = focus(conv(pads=[1] * 4), w=weight(5, 12, 3, 3), b=weight(5))
    numbers = [tensor for tensor in model.graph.initializer if tensor.data_type == TensorProto.INT64]
    for tensor in numbers:
        model.graph.initializer.remove(tensor)
        node = helper.make_node("Constant", [], [tensor.name], value=tensor)
        node.attribute[0].t.ClearField("name")
        model.graph.node.insert(0, node)
    before = model.SerializeToString()
    assert operators(rewrite_for_pnnx(model)) == ["Conv"] and same(model, rewrite_for_pnnx(model))
    assert model.SerializeToString() == before


def test_a_weight_that_only_a_loop_reads_is_kept():
    pool = helper.make_node("MaxPool", ["x"], ["p"], kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 6, 4]) for name in "vr"]
    flags = [helper.make_tensor_value_info(name, TensorProto.BOOL, []) for name in ("go", "on")]
    count = helper.make_tensor_value_info("i", TensorProto.INT64, [])
    inner = [helper.make_node("Add", ["v", "w"], ["r"]), helper.make_node("Identity", ["go"], ["on"])]
    body = helper.make_graph(inner, "body", [count, flags[0], value[0]], [flags[1], value[1]])
    loop = helper.make_node("Loop", ["often", "", "p"], ["y"], body=body)
    inputs = [("x", TensorProto.FLOAT, IMAGE.shape)]
    numbers = {"often": np.array(2), "w": weight(1, 3, 1, 1)}
    model = onnx_model([pool, loop], inputs, [("y", TensorProto.FLOAT, None)], **numbers)
    assert operators(rewrite_for_pnnx(model)) == ["Pad", "MaxPool", "Loop"] and same(model, rewrite_for_pnnx(model))

import numpy as np
import pytest
from onnx import TensorProto, helper

from core.common.errors import ConversionError, VerificationError
from core.pnnx.convert import convert
from core.runtimes.ncnn import NcnnPredictor
from core.runtimes.onnx import OnnxPredictor
from ncnn_small import best_two, conv_then, onnx_model

RANDOM = np.random.default_rng(2)


def weight(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


def trial(model):
    feeds = {}
    for value in model.graph.input:
        shape = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        whole = value.type.tensor_type.elem_type == TensorProto.INT64
        feeds[value.name] = RANDOM.integers(0, 9, shape) if whole else weight(*shape)
    return feeds, OnnxPredictor(model, threads=1).run(feeds)


def test_outputs_keep_names_order_and_shape_however_the_graph_is_ordered(tmp_path):
    nodes = [
        helper.make_node("Relu", ["c"], ["early"]),
        helper.make_node("Conv", ["early", "w2"], ["late"]),
        helper.make_node("GlobalAveragePool", ["late"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
    ]
    model = conv_then(*nodes, w2=weight(5, 4, 3, 3))
    del model.graph.output[:]
    names = ("late", "flat", "c", "early")
    model.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    feeds, expected = trial(model)
    made = convert([model], references=[(feeds, expected)], folder=tmp_path)
    assert tuple(made.outputs) == names and set(made.inputs) == {"x"}
    predictor = NcnnPredictor(made, expected, threads=1)
    for name, tensor in predictor.run(feeds).items():
        assert tensor.shape == expected[name].shape and np.allclose(tensor, expected[name], atol=1e-5)


def test_two_inputs_of_which_one_counts_words_go_to_the_right_blobs(tmp_path):
    model = onnx_model(
        [
            helper.make_node("Gather", ["table", "words"], ["e"]),
            helper.make_node("Mul", ["e", "factor"], ["m"]),
            helper.make_node("MatMul", ["m", "w"], ["y"]),
        ],
        [("factor", TensorProto.FLOAT, [1, 6, 8]), ("words", TensorProto.INT64, [1, 6])],
        [("y", TensorProto.FLOAT, None)],
        table=weight(9, 8),
        w=weight(8, 4),
    )
    made = convert([model], references=[trial(model)], folder=tmp_path)
    assert made.inputs == {"factor": "in0", "words": "in1"}


def test_an_input_that_nothing_reads_does_no_harm(tmp_path):
    model = conv_then(helper.make_node("Relu", ["c"], ["y"]))
    model.graph.input.insert(0, helper.make_tensor_value_info("unused", TensorProto.FLOAT, [1, 2]))
    assert convert([model], references=[trial(model)], folder=tmp_path).inputs["x"] == "in1"


def test_an_output_that_pnnx_loses_is_named(tmp_path):
    model = conv_then(helper.make_node("Identity", ["constant"], ["lost"]), constant=weight(3))
    model.graph.output.append(helper.make_tensor_value_info("lost", TensorProto.FLOAT, None))
    model.graph.output[0].name = "c"
    with pytest.raises(ConversionError, match="lost"):
        convert([model], references=[trial(model)], folder=tmp_path)


def test_a_model_that_answers_otherwise_is_not_let_through(tmp_path):
    model = conv_then(helper.make_node("Relu", ["c"], ["y"]))
    feeds, expected = trial(model)
    wrong = {name: weight(*tensor.shape) for name, tensor in expected.items()}
    with pytest.raises(VerificationError, match="other numbers"):
        convert([model], references=[(feeds, wrong)], folder=tmp_path)


def test_the_next_preparation_is_tried_and_the_first_error_is_told(tmp_path):
    bad = best_two()
    crash = conv_then(helper.make_node("Strange", ["c"], ["y"], domain="elsewhere"))
    good = conv_then(helper.make_node("Relu", ["c"], ["y"]))
    assert convert([bad, good], references=[trial(good)], folder=tmp_path / "a").outputs == {"y": "out0"}
    with pytest.raises(ConversionError, match="TopK"):
        convert([bad, crash], references=[trial(good)], folder=tmp_path / "b")


def test_an_output_that_is_next_to_nothing_everywhere_needs_no_direction(tmp_path):
    model = conv_then(helper.make_node("Mul", ["c", "tiny"], ["y"]), tiny=np.float32(1e-9))
    feeds, expected = trial(model)
    noise = {name: tensor + weight(*tensor.shape) * 1e-8 for name, tensor in expected.items()}
    assert convert([model], references=[(feeds, noise)], folder=tmp_path).outputs == {"y": "out0"}

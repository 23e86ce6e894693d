import numpy as np
import pytest
from onnx import TensorProto, helper

from core.common.errors import ConversionError, VerificationError
from core.conversion import to_ncnn
from core.conversion.to_ncnn import convert_to_ncnn
from core.pnnx.convert import convert_by_pnnx
from core.runtimes.ncnn import NcnnPredictor
from core.runtimes.onnx import OnnxPredictor
from ncnn_small import best_two, conv_then, onnx_model

RANDOM = np.random.default_rng(2)


def weight(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


def reference(model):
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
    feeds, expected = reference(model)
    made = convert_to_ncnn([model], references=[(feeds, expected)], folder=tmp_path)
    assert tuple(made.outputs) == names and set(made.inputs) == {"x"}
    predictor = NcnnPredictor(made, expected, threads=1)
    for name, tensor in predictor.run(feeds).items():
        assert tensor.shape == expected[name].shape and np.allclose(tensor, expected[name], atol=1e-5)


def test_two_inputs_of_different_types_are_matched_to_their_blobs(tmp_path):
    model = onnx_model(
        [
            helper.make_node("Gather", ["table", "ids"], ["e"]),
            helper.make_node("Mul", ["e", "factor"], ["m"]),
            helper.make_node("MatMul", ["m", "w"], ["y"]),
        ],
        [("factor", TensorProto.FLOAT, [1, 6, 8]), ("ids", TensorProto.INT64, [1, 6])],
        [("y", TensorProto.FLOAT, None)],
        table=weight(9, 8),
        w=weight(8, 4),
    )
    made = convert_to_ncnn([model], references=[reference(model)], folder=tmp_path)
    assert made.inputs == {"factor": "in0", "ids": "in1"}


def test_an_unused_input_is_accepted(tmp_path):
    model = conv_then(helper.make_node("Relu", ["c"], ["y"]))
    model.graph.input.insert(0, helper.make_tensor_value_info("unused", TensorProto.FLOAT, [1, 2]))
    assert convert_to_ncnn([model], references=[reference(model)], folder=tmp_path).inputs["x"] == "in1"


def test_a_constant_output_is_stored_in_the_file(tmp_path):
    constant = weight(3)
    model = conv_then(helper.make_node("Identity", ["constant"], ["kept"]), constant=constant)
    model.graph.output.append(helper.make_tensor_value_info("kept", TensorProto.FLOAT, None))
    model.graph.output[0].name = "c"
    feeds, expected = reference(model)
    made = convert_to_ncnn([model], references=[(feeds, expected)], folder=tmp_path)
    assert np.array_equal(NcnnPredictor(made, expected, threads=1).run(feeds)["kept"], constant)


def test_a_model_with_other_outputs_is_refused(tmp_path):
    model = conv_then(helper.make_node("Relu", ["c"], ["y"]))
    feeds, expected = reference(model)
    wrong = {name: weight(*tensor.shape) for name, tensor in expected.items()}
    with pytest.raises(VerificationError, match="other numbers"):
        convert_to_ncnn([model], references=[(feeds, wrong)], folder=tmp_path)


def test_the_next_candidate_is_tried_and_the_first_error_is_raised(tmp_path):
    bad = best_two()
    crash = conv_then(helper.make_node("Strange", ["c"], ["y"], domain="elsewhere"))
    good = conv_then(helper.make_node("Relu", ["c"], ["y"]))
    assert convert_to_ncnn([bad, good], references=[reference(good)], folder=tmp_path / "a").outputs == {"y": "out0"}
    with pytest.raises(ConversionError, match="TopK"):
        convert_to_ncnn([bad, crash], references=[reference(good)], folder=tmp_path / "b")


def test_outputs_as_small_as_rounding_errors_need_no_cosine(tmp_path):
    model = conv_then(helper.make_node("Mul", ["c", "tiny"], ["y"]), tiny=np.float32(1e-9))
    feeds, expected = reference(model)
    noise = {name: tensor + weight(*tensor.shape) * 1e-8 for name, tensor in expected.items()}
    assert convert_to_ncnn([model], references=[(feeds, noise)], folder=tmp_path).outputs == {"y": "out0"}


def test_nan_where_the_source_is_finite_is_refused(tmp_path):
    """The square root of negative numbers, against references that are made finite."""
    model = conv_then(helper.make_node("Sqrt", ["c"], ["y"]))
    feeds, expected = reference(model)
    assert np.isnan(expected["y"]).any()
    finite = {"y": np.nan_to_num(expected["y"])}
    with pytest.raises(VerificationError) as caught:
        convert_to_ncnn([model], references=[(feeds, finite)], folder=tmp_path)
    assert "NaN" in caught.value.detail


@pytest.mark.parametrize("most", [0, 10**9])
def test_a_model_whose_tensors_take_much_memory_is_not_given_to_pnnx_first(tmp_path, monkeypatch, most):
    """It runs the model with all of them as outputs: one of 4 MB took 1.3 GB."""
    tried = []

    def convert(*arguments):
        tried.append("pnnx")
        return convert_by_pnnx(*arguments)

    monkeypatch.setattr(to_ncnn, "convert_by_pnnx", convert)
    monkeypatch.setattr(to_ncnn, "_MOST_ACTIVATIONS", most)
    model = conv_then(helper.make_node("Relu", ["c"], ["y"]))
    feeds, expected = reference(model)
    made = convert_to_ncnn([model], references=[(feeds, expected)], folder=tmp_path)
    assert tried == (["pnnx"] if most else [])
    assert np.allclose(NcnnPredictor(made, expected, threads=1).run(feeds)["y"], expected["y"], atol=1e-5)

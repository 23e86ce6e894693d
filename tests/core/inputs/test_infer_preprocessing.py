import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from core.common.errors import OptionError, SourceError
from core.common.serialization import from_data, to_data
from core.inputs.infer_preprocessing import COMMON_NORMALIZATIONS, Proposal, infer_preprocessing
from core.inputs.recognition import TaskRequest
from core.onnx_model.inspect import inspect
from core.preprocessing import Preprocessing
from small import conv_net, save


def colour_classifier(path, mean, std):
    """Classifies red, green and blue images, with the highest confidence if ``mean`` and ``std`` are right.

    The score of a class is minus the squared distance of the input's mean colour from the pure colour.
    """
    colours = 255.0 * np.eye(3, dtype=np.float32)
    targets = ((colours - np.float32(mean)) / np.float32(std)).astype(np.float32)
    nodes = [
        helper.make_node("GlobalAveragePool", ["input"], ["mean"]),
        helper.make_node("Reshape", ["mean", "shape"], ["row"]),
        helper.make_node("Sub", ["row", "targets"], ["difference"]),
        helper.make_node("Mul", ["difference", "difference"], ["squares"]),
        helper.make_node("ReduceSum", ["squares", "axis"], ["distance"], keepdims=0),
        helper.make_node("Neg", ["distance"], ["negative"]),
        helper.make_node("Reshape", ["negative", "flat"], ["scores"]),
    ]
    weights = [
        numpy_helper.from_array(np.array([1, 3], np.int64), "shape"),
        numpy_helper.from_array(targets, "targets"),
        numpy_helper.from_array(np.array([1], np.int64), "axis"),
        numpy_helper.from_array(np.array([1, 3], np.int64), "flat"),
    ]
    inputs = [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 16, 16])]
    outputs = [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 3])]
    return save(nodes, inputs, outputs, weights, path)


@pytest.fixture
def colour_images(tmp_path):
    folder = tmp_path / "images"
    for label, colour in enumerate([(255, 0, 0), (0, 255, 0), (0, 0, 255)]):
        for shade in range(4):
            (folder / str(label)).mkdir(parents=True, exist_ok=True)
            tint = tuple(max(20 * shade, part) for part in colour)
            Image.new("RGB", (20, 20), tint).save(folder / str(label) / f"{shade}.png")
    return folder


def test_the_colour_order_is_inferred_from_labelled_images(tmp_path, colour_images):
    mean, std = COMMON_NORMALIZATIONS["ImageNet"]
    proposal = infer_preprocessing(inspect(colour_classifier(tmp_path / "colours.onnx", mean, std)), colour_images)
    assert proposal.preprocessing.color == "rgb"


def test_labelled_test_images_decide_where_the_others_have_no_labels(tmp_path, colour_images):
    mean, std = COMMON_NORMALIZATIONS["ImageNet"]
    source = inspect(colour_classifier(tmp_path / "colours.onnx", mean, std))
    plain = tmp_path / "plain"
    plain.mkdir()
    for number in range(4):
        Image.new("RGB", (20, 20), (90, 90, 90)).save(plain / f"{number}.png")
    for proposal in (
        infer_preprocessing(source, plain, test_images=colour_images),
        infer_preprocessing(source, test_images=colour_images),
    ):
        assert "your labelled pictures" in str(proposal.reason)


def test_preprocessing_in_the_metadata_is_used_as_it_is(tmp_path):
    path = conv_net(tmp_path / "net.onnx")
    wanted = Preprocessing((32, 32), "pad", "bgr", "nchw", (1, 2, 3), (4, 5, 6))
    model = onnx.load(str(path))
    onnx.helper.set_model_props(model, {"edgepress.preprocessing": json.dumps(to_data(wanted))})
    path.write_bytes(model.SerializeToString())
    assert infer_preprocessing(inspect(path)).preprocessing == wanted


def test_a_model_that_recognises_none_of_the_images_gets_the_default(tmp_path, colour_images):
    path = conv_net(tmp_path / "net.onnx")
    model = onnx.load(str(path))
    for tensor in model.graph.initializer:
        if tensor.name == "wf":
            tensor.CopyFrom(numpy_helper.from_array(np.zeros((5, 64), np.float32), "wf"))
    path.write_bytes(model.SerializeToString())
    proposal = infer_preprocessing(inspect(path), colour_images)
    assert (proposal.preprocessing.mean, proposal.preprocessing.std) == COMMON_NORMALIZATIONS["ImageNet"]


def test_a_free_size_becomes_one_that_runs(tmp_path):
    assert infer_preprocessing(inspect(conv_net(tmp_path / "net.onnx", size="side"))).preprocessing.size == (224, 224)
    given = infer_preprocessing(inspect(conv_net(tmp_path / "net.onnx", size="side")), size=(40, 40))
    assert given.preprocessing.size == (40, 40)


def test_a_proposal_survives_the_way_through_json(tmp_path):
    proposal = infer_preprocessing(inspect(conv_net(tmp_path / "net.onnx")))
    assert from_data(Proposal, json.loads(json.dumps(to_data(proposal)))) == proposal


def test_a_model_that_runs_at_no_usual_size_is_a_readable_error(tmp_path):
    weight = numpy_helper.from_array(np.ones((7, 11), np.float32), "w")
    path = save(
        [helper.make_node("MatMul", ["input", "w"], ["y"])],
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, "h", "w_"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, "h", 11])],
        [weight],
        tmp_path / "odd.onnx",
    )
    with pytest.raises(SourceError, match="any size"):
        infer_preprocessing(inspect(path))


def test_a_fixed_batch_size_is_filled(tmp_path, colour_images):
    path = conv_net(tmp_path / "net.onnx")
    model = onnx.load(str(path))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 4
    onnx.save(model, str(path))
    assert infer_preprocessing(inspect(path), colour_images).preprocessing.size == (32, 32)


def test_text_recognition_models_get_padded_lines(tmp_path):
    """PaddleOCR writes its characters into the metadata; lines keep their proportions, with padding behind them."""
    path = conv_net(tmp_path / "recognition.onnx", size=None)
    model = onnx.load(str(path))
    entry = model.metadata_props.add()
    entry.key, entry.value = "character", "a\nb"
    onnx.save(model, str(path))
    preprocessing = infer_preprocessing(inspect(path)).preprocessing
    assert (preprocessing.size, preprocessing.fit, preprocessing.color) == ((48, 320), "pad", "bgr")
    assert preprocessing.mean == (127.5,) * 3


def test_the_task_is_proposed_with_the_preprocessing(tmp_path, colour_images):
    source = inspect(colour_classifier(tmp_path / "colours.onnx", (0, 0, 0), (255, 255, 255)))
    proposal = infer_preprocessing(source, colour_images)
    assert proposal.task == "classification" and "3 classes" in str(proposal.task_reason)
    asked = infer_preprocessing(source, colour_images, request=TaskRequest("tensors"))
    assert asked.task == "tensors" and asked.preprocessing.mean != proposal.preprocessing.mean


def test_a_task_that_the_outputs_do_not_fit_is_a_readable_error(tmp_path, colour_images):
    source = inspect(colour_classifier(tmp_path / "colours.onnx", (0, 0, 0), (255, 255, 255)))
    with pytest.raises(OptionError, match="not those of the task") as error:
        infer_preprocessing(source, colour_images, request=TaskRequest("detection"))
    assert "scores (1, 3)" in error.value.detail and error.value.next_step


def test_labelled_pictures_decide_and_the_reason_says_so(tmp_path, colour_images):
    mean, std = COMMON_NORMALIZATIONS["ImageNet"]
    proposal = infer_preprocessing(inspect(colour_classifier(tmp_path / "colours.onnx", mean, std)), colour_images)
    assert "most right answers on your labelled pictures" in str(proposal.reason)

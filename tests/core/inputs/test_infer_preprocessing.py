import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from core.common.errors import SourceError
from core.common.serialization import from_data, to_data
from core.inputs.infer_preprocessing import COMMON_NORMALIZATIONS, Proposal, infer_preprocessing
from core.onnx_model.inspect import inspect
from core.preprocessing import Preprocessing
from small import conv_net, save


def colour_judge(path, mean, std):
    """Tells red, green and blue pictures apart, and surest when the pictures come scaled by ``mean`` and ``std``.

    It scores how close the mean colour of its input is to that of each pure colour.
    """
    colours = 255.0 * np.eye(3, dtype=np.float32)
    targets = ((colours - np.float32(mean)) / np.float32(std)).astype(np.float32)
    nodes = [
        helper.make_node("GlobalAveragePool", ["input"], ["mean"]),
        helper.make_node("Reshape", ["mean", "shape"], ["row"]),
        helper.make_node("Sub", ["row", "targets"], ["away"]),
        helper.make_node("Mul", ["away", "away"], ["squares"]),
        helper.make_node("ReduceSum", ["squares", "axis"], ["distance"], keepdims=0),
        helper.make_node("Neg", ["distance"], ["near"]),
        helper.make_node("Reshape", ["near", "flat"], ["scores"]),
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
def colour_pictures(tmp_path):
    folder = tmp_path / "pictures"
    for label, colour in enumerate([(255, 0, 0), (0, 255, 0), (0, 0, 255)]):
        for shade in range(4):
            (folder / str(label)).mkdir(parents=True, exist_ok=True)
            tint = tuple(max(20 * shade, part) for part in colour)
            Image.new("RGB", (20, 20), tint).save(folder / str(label) / f"{shade}.png")
    return folder


def test_colour_order_is_found_from_labelled_pictures(tmp_path, colour_pictures):
    mean, std = COMMON_NORMALIZATIONS["ImageNet"]
    proposal = infer_preprocessing(inspect(colour_judge(tmp_path / "judge.onnx", mean, std)), colour_pictures)
    assert proposal.preprocessing.color == "rgb"


def test_the_models_own_note_wins(tmp_path):
    path = conv_net(tmp_path / "net.onnx")
    wanted = Preprocessing((32, 32), "pad", "bgr", "nchw", (1, 2, 3), (4, 5, 6))
    model = onnx.load(str(path))
    onnx.helper.set_model_props(model, {"edgepress.preprocessing": json.dumps(to_data(wanted))})
    path.write_bytes(model.SerializeToString())
    assert infer_preprocessing(inspect(path)).preprocessing == wanted


def test_a_model_that_knows_none_of_the_pictures_gets_the_usual_rule(tmp_path, colour_pictures):
    path = conv_net(tmp_path / "net.onnx")
    model = onnx.load(str(path))
    for tensor in model.graph.initializer:
        if tensor.name == "wf":
            tensor.CopyFrom(numpy_helper.from_array(np.zeros((5, 64), np.float32), "wf"))
    path.write_bytes(model.SerializeToString())
    proposal = infer_preprocessing(inspect(path), colour_pictures)
    assert (proposal.preprocessing.mean, proposal.preprocessing.std) == COMMON_NORMALIZATIONS["ImageNet"]


def test_a_free_size_is_filled_with_one_that_runs(tmp_path):
    assert infer_preprocessing(inspect(conv_net(tmp_path / "net.onnx", size="side"))).preprocessing.size == (224, 224)
    given = infer_preprocessing(inspect(conv_net(tmp_path / "net.onnx", size="side")), size=(40, 40))
    assert given.preprocessing.size == (40, 40)


def test_a_proposal_survives_the_way_through_json(tmp_path):
    proposal = infer_preprocessing(inspect(conv_net(tmp_path / "net.onnx")))
    assert from_data(Proposal, json.loads(json.dumps(to_data(proposal)))) == proposal


def test_a_model_that_runs_at_no_usual_size_is_explained(tmp_path):
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


def test_a_model_that_takes_several_pictures_at_once_gets_as_many(tmp_path, colour_pictures):
    path = conv_net(tmp_path / "net.onnx")
    model = onnx.load(str(path))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 4
    onnx.save(model, str(path))
    assert infer_preprocessing(inspect(path), colour_pictures).preprocessing.size == (32, 32)


def test_readers_of_lines_get_padded_lines(tmp_path):
    """PaddleOCR writes its letters into the file; words keep their shape, with room behind them."""
    path = conv_net(tmp_path / "reader.onnx", size=None)
    model = onnx.load(str(path))
    entry = model.metadata_props.add()
    entry.key, entry.value = "character", "a\nb"
    onnx.save(model, str(path))
    preprocessing = infer_preprocessing(inspect(path)).preprocessing
    assert (preprocessing.size, preprocessing.fit, preprocessing.color) == ((48, 320), "pad", "bgr")
    assert preprocessing.mean == (127.5,) * 3

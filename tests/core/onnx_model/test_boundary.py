import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper, shape_inference

from core.onnx_model.boundary import find_boundary, selects
from core.onnx_model.graph import replace_nodes
from detectors import ANCHORS, CLASSES, query_selection, ssd, topk_detector, torchvision_detector
from small import conv_net


def inferred(path):
    return shape_inference.infer_shapes(onnx.load(str(path)), data_prop=True)


@pytest.mark.parametrize(
    ("build", "shapes"),
    [
        (topk_detector, {"boxes": (1, ANCHORS, 4), "scores": (1, ANCHORS, CLASSES)}),
        (ssd, {"boxes": (1, ANCHORS, 4), "by_class": (1, CLASSES, ANCHORS)}),
        (torchvision_detector, {"boxes": (1, ANCHORS, 4), "shares": (1, ANCHORS, CLASSES)}),
    ],
)
def test_the_boundary_is_at_the_last_float_tensors_with_a_batch_axis(tmp_path, build, shapes):
    boundary = find_boundary(inferred(build(tmp_path / "m.onnx")))
    assert {tensor.name: tensor.shape for tensor in boundary.tensors} == shapes


def test_a_tensor_that_follows_from_another_boundary_tensor_is_not_one(tmp_path):
    """The best score of all classes is what TopK reads, but the labels need all scores."""
    boundary = find_boundary(inferred(topk_detector(tmp_path / "m.onnx")))
    assert {"best", "labels_float", "dets"} <= boundary.after and "scores" not in boundary.after


def test_outputs_that_pick_nothing_are_not_of_the_post_processing(tmp_path):
    assert find_boundary(inferred(topk_detector(tmp_path / "m.onnx", more_outputs=True))).outputs == ("dets",)


@pytest.mark.parametrize("build", [query_selection, conv_net])
def test_there_is_none_where_weights_follow_or_nothing_is_picked(tmp_path, build):
    assert find_boundary(inferred(build(tmp_path / "m.onnx"))) is None


def test_there_is_none_where_the_boundary_would_have_no_batch_axis(tmp_path):
    """Two images at once: up to the convolutions, no tensor has a batch axis of 1."""
    model = onnx.load(str(topk_detector(tmp_path / "m.onnx")))
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2
    for tensor in model.graph.initializer:
        if tensor.name.startswith("rows"):
            sizes = numpy_helper.to_array(tensor)
            tensor.CopyFrom(numpy_helper.from_array(np.array([2, *sizes[1:]]), tensor.name))
    model.graph.output[0].type.tensor_type.shape.dim[0].dim_value = 2
    assert find_boundary(shape_inference.infer_shapes(model)) is None


def test_there_is_none_where_the_post_processing_has_most_of_the_weights(tmp_path):
    model = onnx.load(str(topk_detector(tmp_path / "m.onnx")))
    model.graph.initializer.append(
        helper.make_tensor("table", TensorProto.FLOAT, [1, 12, 6, 200], bytes(4 * 12 * 6 * 200), raw=True)
    )
    last = model.graph.node[-1]
    last.output[0] = "dets_before"
    nodes = [
        *model.graph.node,
        helper.make_node("Unsqueeze", ["dets_before", "last"], ["dets4"]),
        helper.make_node("Mul", ["dets4", "table"], ["dets"]),
    ]
    replace_nodes(model.graph, nodes)
    assert find_boundary(shape_inference.infer_shapes(model)) is None


def test_operators_inside_branches_count(tmp_path):
    assert selects(onnx.load(str(torchvision_detector(tmp_path / "m.onnx"))))
    assert not selects(onnx.load(str(conv_net(tmp_path / "net.onnx"))))

"""Small detectors with random weights that end in a post-processing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from small import SIZE, save

CLASSES = 3
SIDE = SIZE // 4
ANCHORS = SIDE * SIDE
PICKED = 12


class Graph:
    """Collects nodes and constants.

    Args:
        size: sides of the image; a name where they are free.
    """

    def __init__(self, *, size: int | str = SIZE) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._random = np.random.default_rng(3)
        self.input = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, size, size])

    def node(self, operator: str, inputs: list[str], output: str, **attributes) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def constant(self, name: str, value, dtype=np.int64) -> str:
        self.weights.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def conv(self, name: str, data: str, shape: tuple[int, ...], *, bias: float = 0.0, **attributes) -> str:
        scale = 1 / np.sqrt(np.prod(shape[1:]))
        self.constant(f"{name}_w", scale * self._random.standard_normal(shape), np.float32)
        self.constant(f"{name}_b", np.full(shape[0], bias) + 0.1 * self._random.standard_normal(shape[0]), np.float32)
        return self.node("Conv", [data, f"{name}_w", f"{name}_b"], name, **attributes)

    def save(self, path: Path, *outputs: onnx.ValueInfoProto) -> Path:
        return save(self.nodes, [self.input], list(outputs), self.weights, path)

    def boxes_and_scores(self, *, anchors: int = ANCHORS) -> None:
        """Two convolutions and heads; ``boxes`` 1 x anchors x 4 (corners, pixels), ``scores`` 1 x anchors x classes."""
        self.conv("c1", "images", (16, 3, 3, 3), pads=[1] * 4, strides=[2, 2])
        self.node("Relu", ["c1"], "r1")
        self.conv("c2", "r1", (32, 16, 3, 3), pads=[1] * 4, strides=[2, 2])
        self.node("Relu", ["c2"], "r2")
        self.conv("box_map", "r2", (4, 32, 1, 1), bias=4.0)
        self.conv("score_map", "r2", (CLASSES, 32, 1, 1))
        self.constant("rows4", [1, 4, -1])
        self.constant("rows_classes", [1, CLASSES, -1])
        self.node("Reshape", ["box_map", "rows4"], "box_rows")
        self.node("Reshape", ["score_map", "rows_classes"], "score_rows")
        columns, rows = (values.reshape(-1)[:anchors] for values in np.meshgrid(*[4 * np.arange(SIDE) + 2.0] * 2))
        self.constant("centres", np.stack([columns, rows, columns, rows])[None], np.float32)
        self.constant("signs", np.array([-1, -1, 1, 1]).reshape(1, 4, 1), np.float32)
        self.node("Mul", ["box_rows", "signs"], "distances")
        self.node("Add", ["distances", "centres"], "corners")
        self.node("Transpose", ["corners"], "boxes", perm=[0, 2, 1])
        self.node("Transpose", ["score_rows"], "logits", perm=[0, 2, 1])


def topk_detector(path: Path, *, more_outputs: bool = False) -> Path:
    """Output ``dets``, 1 x 12 x 6: corners, score, class, sorted; with ``more_outputs`` also the features ``r2``."""
    graph = Graph()
    graph.boxes_and_scores()
    graph.node("Sigmoid", ["logits"], "scores")
    graph.node("ReduceMax", ["scores"], "best", axes=[-1], keepdims=0)
    graph.node("ArgMax", ["scores"], "labels", axis=-1, keepdims=1)
    graph.node("Cast", ["labels"], "labels_float", to=TensorProto.FLOAT)
    graph.nodes.append(helper.make_node("TopK", ["best", graph.constant("k", [PICKED])], ["top", "places"], axis=1))
    graph.node("Unsqueeze", ["places", graph.constant("last", [-1])], "rows")
    graph.node("Tile", ["rows", graph.constant("times4", [1, 1, 4])], "rows4_")
    graph.node("GatherElements", ["boxes", "rows4_"], "top_boxes", axis=1)
    graph.node("GatherElements", ["labels_float", "rows"], "top_labels", axis=1)
    graph.node("Unsqueeze", ["top", "last"], "top_scores")
    graph.node("Concat", ["top_boxes", "top_scores", "top_labels"], "dets", axis=2)
    outputs = [helper.make_tensor_value_info("dets", TensorProto.FLOAT, [1, PICKED, 6])]
    if more_outputs:
        outputs.append(helper.make_tensor_value_info("r2", TensorProto.FLOAT, [1, 32, SIDE, SIDE]))
    return graph.save(path, *outputs)


def _found() -> list[onnx.ValueInfoProto]:
    return [
        helper.make_tensor_value_info("found_boxes", TensorProto.FLOAT, ["n", 4]),
        helper.make_tensor_value_info("found_scores", TensorProto.FLOAT, ["n"]),
        helper.make_tensor_value_info("found_labels", TensorProto.INT64, ["n"]),
    ]


def ssd(path: Path) -> Path:
    """Softmax, and NonMaxSuppression for each class: boxes n x 4, scores and labels n, n by what is found."""
    graph = Graph()
    graph.boxes_and_scores()
    graph.node("Softmax", ["logits"], "shares", axis=-1)
    graph.node("Transpose", ["shares"], "by_class", perm=[0, 2, 1])
    limits = [
        graph.constant("most", [20]),
        graph.constant("overlap", [0.5], np.float32),
        graph.constant("least", [0.4], np.float32),
    ]
    graph.node("NonMaxSuppression", ["boxes", "by_class", *limits], "picked")
    graph.node("GatherND", ["by_class", "picked"], "found_scores")
    graph.node("Gather", ["picked", graph.constant("box_columns", [0, 2])], "box_places", axis=1)
    graph.node("GatherND", ["boxes", "box_places"], "found_boxes")
    graph.node("Gather", ["picked", graph.constant("one", 1)], "found_labels", axis=1)
    return graph.save(path, *_found())


def torchvision_detector(path: Path) -> Path:
    """As torchvision exports: one image without its batch axis, a threshold, boxes moved apart by class, a branch."""
    graph = Graph()
    graph.boxes_and_scores()
    graph.node("Softmax", ["logits"], "shares", axis=-1)
    zero = graph.constant("zero", [0])
    graph.node("Squeeze", ["boxes", zero], "image_boxes")
    graph.node("Squeeze", ["shares", zero], "image_shares")
    graph.node("Greater", ["image_shares", graph.constant("least", 0.4, np.float32)], "is_sure")
    graph.node("NonZero", ["is_sure"], "sure")
    graph.node("Transpose", ["sure"], "sure_places", perm=[1, 0])
    graph.node("GatherND", ["image_shares", "sure_places"], "sure_scores")
    graph.node("Gather", ["sure_places", graph.constant("first", 0)], "sure_rows", axis=1)
    graph.node("Gather", ["sure_places", graph.constant("second", 1)], "sure_labels", axis=1)
    graph.node("Gather", ["image_boxes", "sure_rows"], "sure_boxes", axis=0)
    graph.node("Size", ["sure_labels"], "count")
    graph.node("Equal", ["count", "first"], "is_none")
    graph.nodes.append(_suppression_branch())
    for name in ("boxes", "scores", "labels"):
        graph.node("Gather", [f"sure_{name}", "kept"], f"found_{name}", axis=0)
    return graph.save(path, *_found())


def _suppression_branch() -> onnx.NodeProto:
    """Output ``kept``: places among what is sure; the else branch reads tensors of the main graph."""
    kept = [helper.make_tensor_value_info(name, TensorProto.INT64, ["n"]) for name in ("none", "some")]
    empty = numpy_helper.from_array(np.zeros(0, np.int64))
    none = helper.make_graph([helper.make_node("Constant", [], ["none"], value=empty)], "none", [], kept[:1])
    weights = [
        numpy_helper.from_array(np.array([1000], np.float32), "apart"),
        numpy_helper.from_array(np.array([20], np.int64), "most"),
        numpy_helper.from_array(np.array([0.5], np.float32), "overlap"),
        numpy_helper.from_array(np.array([0], np.int64), "front"),
        numpy_helper.from_array(np.array([0, 1], np.int64), "front_two"),
        numpy_helper.from_array(np.array([1], np.int64), "axis1"),
        numpy_helper.from_array(np.array(2, np.int64), "third"),
    ]
    nodes = [
        helper.make_node("Cast", ["sure_labels"], ["labels_float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["labels_float", "apart"], ["offset"]),
        helper.make_node("Unsqueeze", ["offset", "axis1"], ["offsets"]),
        helper.make_node("Add", ["sure_boxes", "offsets"], ["moved"]),
        helper.make_node("Unsqueeze", ["moved", "front"], ["moved_batch"]),
        helper.make_node("Unsqueeze", ["sure_scores", "front_two"], ["score_batch"]),
        helper.make_node("NonMaxSuppression", ["moved_batch", "score_batch", "most", "overlap"], ["picked"]),
        helper.make_node("Gather", ["picked", "third"], ["some"], axis=1),
    ]
    some = helper.make_graph(nodes, "some", [], kept[1:], weights)
    return helper.make_node("If", ["is_none"], ["kept"], then_branch=none, else_branch=some)


def query_selection(path: Path) -> Path:
    """The best places are picked in the middle, and weights follow, as in RT-DETR."""
    graph = Graph()
    graph.boxes_and_scores()
    graph.node("ReduceMax", ["logits"], "best", axes=[-1], keepdims=0)
    graph.nodes.append(helper.make_node("TopK", ["best", graph.constant("k", [PICKED])], ["top", "places"], axis=1))
    graph.node("Unsqueeze", ["places", graph.constant("last", [-1])], "rows")
    graph.node("Tile", ["rows", graph.constant("times4", [1, 1, 4])], "rows4_")
    graph.node("GatherElements", ["boxes", "rows4_"], "queries", axis=1)
    random = np.random.default_rng(4)
    graph.constant("decoder", random.standard_normal((4, 40)), np.float32)
    graph.node("MatMul", ["queries", "decoder"], "decoded")
    return graph.save(path, helper.make_tensor_value_info("decoded", TensorProto.FLOAT, [1, PICKED, 40]))


def free_size_detector(path: Path) -> Path:
    """A detector for images of any size; how many boxes are picked is computed from the size."""
    graph = Graph(size="side")
    graph.conv("c1", "images", (16, 3, 3, 3), pads=[1] * 4, strides=[2, 2])
    graph.node("Relu", ["c1"], "r1")
    graph.conv("c2", "r1", (32, 16, 3, 3), pads=[1] * 4, strides=[2, 2])
    graph.node("Relu", ["c2"], "r2")
    graph.conv("maps", "r2", (4 + CLASSES, 32, 1, 1))
    graph.constant("rows", [1, 4 + CLASSES, -1])
    graph.node("Reshape", ["maps", "rows"], "by_channel")
    graph.node("Transpose", ["by_channel"], "table", perm=[0, 2, 1])
    graph.constant("parts", [4, CLASSES])
    graph.nodes.append(helper.make_node("Split", ["table", "parts"], ["boxes", "scores"], axis=2))
    graph.node("ReduceMax", ["scores"], "best", axes=[-1], keepdims=0)
    graph.node("Shape", ["r1"], "sizes")  # of a tensor inside the heavy part
    graph.node("Gather", ["sizes", graph.constant("two", [2])], "side")
    graph.nodes.append(helper.make_node("TopK", ["best", "side"], ["top", "places"], axis=1))
    graph.node("Unsqueeze", ["places", graph.constant("last", [-1])], "places3")
    graph.node("Tile", ["places3", graph.constant("times4", [1, 1, 4])], "places4")
    graph.node("GatherElements", ["boxes", "places4"], "found", axis=1)
    return graph.save(path, helper.make_tensor_value_info("found", TensorProto.FLOAT, [1, "n", 4]))

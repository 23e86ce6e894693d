"""A small model with random weights for each task, and pictures or arrays for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from array_model import examples as array_examples
from array_model import two_input_net
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from core.job.job import Job
from core.job.task_name import TaskName
from core.preprocessing import Preprocessing
from detectors import Graph, ssd, topk_detector
from small import PREPROCESSING, SIZE, conv_net, pictures, save

CLASSES = 3
CELLS = 21
"""Of the strides 8, 16 and 32."""

NAMES = ["cat", "dog", "a <b>"]


@dataclass(frozen=True)
class TaskNet:
    task: TaskName | None
    """As the person chooses it; None: it is recognised."""

    build: Callable[[Path], Path]
    samples: Callable[[Path], Path] = lambda folder: pictures(folder, 8)
    preprocessing: Preprocessing = PREPROCESSING
    inputs: tuple[tuple[str, str], ...] = ()
    targets: tuple[str, ...] = ("onnx_fp16", "ncnn_fp16")
    score: float | None = None
    is_cut: bool = False

    def job(self, folder: Path, *, name: str = "net", targets: Sequence[str] | None = None) -> Job:
        return Job(
            source=self.build(folder / f"{name}.onnx"),
            targets=tuple(targets or self.targets),
            preprocessing=self.preprocessing,
            out=folder / "out",
            images=self.samples(folder / "samples"),
            inputs=dict(self.inputs),
            task=self.task,
            score=self.score,
        )


def described(path: Path, **metadata: str) -> Path:
    """The model with this metadata."""
    model = onnx.load(str(path))
    helper.set_model_props(model, {**{p.key: p.value for p in model.metadata_props}, **metadata})
    onnx.save(model, str(path))
    return path


def value(name, *shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def features(graph: Graph) -> None:
    """``r2``, 1 x 32 x 8 x 8."""
    graph.conv("c1", "images", (16, 3, 3, 3), pads=[1] * 4, strides=[2, 2])
    graph.node("Relu", ["c1"], "r1")
    graph.conv("c2", "r1", (32, 16, 3, 3), pads=[1] * 4, strides=[2, 2])
    graph.node("Relu", ["c2"], "r2")


def classes(path: Path) -> Path:
    return described(conv_net(path, classes=CLASSES), names=str(dict(enumerate(NAMES))))


def labels(path: Path) -> Path:
    graph = Graph()
    features(graph)
    graph.node("GlobalAveragePool", ["r2"], "pool")
    graph.conv("logits", "pool", (6, 32, 1, 1))
    graph.node("Sigmoid", ["logits"], "y")
    return graph.save(path, value("y", 1, 6, 1, 1))


def rows_of(graph: Graph, count: int) -> None:
    """``table``, 1 x (4 + classes + extras) x cells, as YOLOv8 writes it: boxes near their cells."""
    features(graph)
    graph.node("GlobalAveragePool", ["r2"], "pool")
    graph.node("Flatten", ["pool"], "flat")
    random = np.random.default_rng(4)
    graph.constant("dense", 0.5 * random.standard_normal((32, count * CELLS)), np.float32)
    graph.node("MatMul", ["flat", "dense"], "numbers")
    graph.constant("shape", [1, count, CELLS])
    graph.node("Reshape", ["numbers", "shape"], "raw")
    graph.constant("parts", [4, CLASSES, count - 4 - CLASSES])
    graph.nodes.append(helper.make_node("Split", ["raw", "parts"], ["box", "score", "rest"], axis=1))
    cells = [(s * (c + 0.5), s * (r + 0.5), s, s) for s in (8, 16, 32) for r in range(32 // s) for c in range(32 // s)]
    graph.constant("places", np.array(cells).T[None], np.float32)
    graph.node("Add", ["box", "places"], "boxes")
    graph.node("Sigmoid", ["score"], "scores")


def masks(path: Path) -> Path:
    graph = Graph()
    rows_of(graph, 4 + CLASSES + 8)
    graph.node("Sigmoid", ["rest"], "weights")  # masks that are mostly filled: noise would change with the last digit
    graph.node("Concat", ["boxes", "scores", "weights"], "output0", axis=1)
    graph.conv("output1", "r2", (8, 32, 1, 1), bias=0.4)
    made = graph.save(path, value("output0", 1, 4 + CLASSES + 8, CELLS), value("output1", 1, 8, 8, 8))
    return described(made, task="segment", description="Ultralytics YOLO11n model", names=str(dict(enumerate(NAMES))))


def poses(path: Path) -> Path:
    graph = Graph()
    rows_of(graph, 4 + CLASSES + 51)
    graph.node("Concat", ["boxes", "scores", "rest"], "output0", axis=1)
    made = graph.save(path, value("output0", 1, 4 + CLASSES + 51, CELLS))
    return described(
        made,
        task="pose",
        description="Ultralytics YOLO11n model",
        names=str(dict(enumerate(NAMES))),
        kpt_shape="[17, 3]",
    )


def heatmaps(path: Path) -> Path:
    """The brightness of the picture, seventeen times, each moved to another place."""
    weights = np.zeros((17, 3, 20, 20), np.float32)
    for point in range(17):
        row, column = 4 * (point // 5), 4 * (point % 5)
        weights[point, :, row : row + 4, column : column + 4] = 1 / 48
    nodes = [helper.make_node("Conv", ["image", "w"], ["heatmap"], pads=[8] * 4, strides=[4, 4])]
    outputs = [value("heatmap", 1, 17, 16, 12)]
    return save(nodes, [value("image", 1, 3, 64, 48)], outputs, [numpy_helper.from_array(weights, "w")], path)


def people(folder: Path) -> Path:
    """Pictures with a bright place on dark ground, which is labelled as a person with seventeen points."""
    folder.mkdir(parents=True)
    images, annotations = [], []
    for number in range(8):
        pixels = np.random.default_rng(number).integers(0, 60, (160, 200, 3), dtype=np.uint8)
        pixels[80 + number : 90 + number, 90 : 100 + number] = 255
        Image.fromarray(pixels).save(folder / f"{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "width": 200, "height": 160})
        points = [100, 90, 2] + [0] * 48
        box = {"bbox": [80.5, 65, 40, 50], "area": 2000, "iscrowd": 0, "keypoints": points, "num_keypoints": 1}
        annotations.append({"id": number, "image_id": number, "category_id": 1, **box})
    data = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "person"}]}
    (folder / "keypoints.json").write_text(json.dumps(data), encoding="utf-8")
    return folder


def areas(path: Path) -> Path:
    graph = Graph()
    graph.conv("c1", "images", (16, 3, 3, 3), pads=[1] * 4)
    graph.node("Relu", ["c1"], "r1")
    graph.conv("y", "r1", (4, 16, 3, 3), pads=[1] * 4)
    return graph.save(path, value("y", 1, 4, SIZE, SIZE))


def text(path: Path) -> Path:
    """Eight steps of twelve classes; the characters are in the file, as PaddleOCR writes them."""
    graph = Graph()
    features(graph)
    graph.conv("maps", "r2", (12, 32, 1, 1))
    graph.node("ReduceMean", ["maps"], "columns", axes=[2], keepdims=0)
    graph.node("Transpose", ["columns"], "steps", perm=[0, 2, 1])
    graph.node("Softmax", ["steps"], "y", axis=-1)
    return described(graph.save(path, value("y", 1, 8, 12)), character="\n".join("abcdefghij我"))


def vector(path: Path) -> Path:
    return conv_net(path, classes=64)


def picture(path: Path) -> Path:
    graph = Graph()
    graph.conv("c1", "images", (16, 3, 3, 3), pads=[1] * 4)
    graph.node("Relu", ["c1"], "r1")
    graph.conv("y", "r1", (3, 16, 3, 3), pads=[1] * 4)
    return graph.save(path, value("y", 1, 3, SIZE, SIZE))


def sounds(folder: Path) -> Path:
    return array_examples(folder, 8)


def only_sounds(folder: Path) -> Path:
    """As .npy files, without the second input."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(5)
    for index in range(8):
        np.save(folder / f"{index}.npy", random.standard_normal((1, 1, 400)).astype(np.float32))
    return folder


NETS: dict[str, TaskNet] = {
    "classification": TaskNet("classification", classes, targets=("onnx_quan_st", "ncnn_quan")),
    "several labels": TaskNet("classification", labels),
    "detection, cut": TaskNet("detection", topk_detector, score=0.2, is_cut=True),
    "detection, suppression inside": TaskNet("detection", ssd, score=0.2, is_cut=True),
    "instance segmentation": TaskNet("instance-segmentation", masks),
    "pose": TaskNet("pose", poses),
    "keypoints of crops": TaskNet(None, heatmaps, people, Preprocessing((64, 48), fit="crop", std=(1.0,) * 3)),
    "keypoints": TaskNet("keypoints", heatmaps, preprocessing=Preprocessing((64, 48), fit="pad", std=(1.0,) * 3)),
    "segmentation": TaskNet("segmentation", areas, preprocessing=Preprocessing((SIZE, SIZE), fit="pad-corner")),
    "text": TaskNet("text", text),
    "embedding": TaskNet("embedding", vector),
    "image to image": TaskNet("image-to-image", picture, preprocessing=Preprocessing((SIZE, SIZE), fit="crop")),
    "scores": TaskNet("scores", labels),
    "arrays": TaskNet(None, two_input_net, sounds),
    "arrays and a fixed input": TaskNet(None, two_input_net, only_sounds, inputs=(("state", "zeros"),)),
}

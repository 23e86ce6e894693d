"""Small models and images for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from core.preprocessing import Preprocessing

SIZE = 32
CLASSES = 5
PREPROCESSING = Preprocessing((SIZE, SIZE), fit="stretch", mean=(127.5,) * 3, std=(127.5,) * 3)


def conv_net(path: Path, *, size: int | str = SIZE, opset: int = 13, classes: int = CLASSES) -> Path:
    """Two convolutions, a depthwise one, pooling and a classifier, with random weights that distinguish colours."""
    random = np.random.default_rng(7)

    def weight(name: str, *shape: int) -> onnx.TensorProto:
        fan_in = int(np.prod(shape[1:]))
        return numpy_helper.from_array((random.standard_normal(shape) / np.sqrt(fan_in)).astype(np.float32), name)

    weights = [
        weight("w1", 16, 3, 3, 3),
        weight("b1", 16),
        weight("w2", 16, 1, 3, 3),
        weight("b2", 16),
        weight("w3", 64, 16, 1, 1),
        weight("b3", 64),
        weight("wf", classes, 64),
        weight("bf", classes),
    ]
    nodes = [
        helper.make_node("Conv", ["input", "w1", "b1"], ["c1"], "conv1", pads=[1] * 4, strides=[2, 2]),
        helper.make_node("Relu", ["c1"], ["r1"], "relu1"),
        helper.make_node("Conv", ["r1", "w2", "b2"], ["c2"], "conv2", pads=[1] * 4, group=16),
        helper.make_node("Relu", ["c2"], ["r2"], "relu2"),
        helper.make_node("Conv", ["r2", "w3", "b3"], ["c3"], "conv3"),
        helper.make_node("Relu", ["c3"], ["r3"], "relu3"),
        helper.make_node("GlobalAveragePool", ["r3"], ["p"], "pool"),
        helper.make_node("Flatten", ["p"], ["f"], "flatten"),
        helper.make_node("Gemm", ["f", "wf", "bf"], ["scores"], "fc", transB=1),
    ]
    inputs = [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, size, size])]
    outputs = [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, classes])]
    return save(nodes, inputs, outputs, weights, path, opset=opset)


def scale_scores(path: Path, factor: float, to: Path) -> Path:
    """A :func:`conv_net` whose scores are ``factor`` times as large, as another file."""
    model = onnx.load(str(path))
    for weight in model.graph.initializer:
        if weight.name in ("wf", "bf"):
            scaled = np.float32(factor) * numpy_helper.to_array(weight)
            weight.CopyFrom(numpy_helper.from_array(scaled, weight.name))
    onnx.save(model, str(to))
    return to


def save(nodes, inputs, outputs, weights, path: Path, *, opset: int = 17) -> Path:
    """Write a checked model."""
    graph = helper.make_graph(nodes, "small", inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
    return path


def pictures(folder: Path, count: int, *, seed: int = 0, suffix: str = ".png") -> Path:
    """Coarse random colours, a different image each time."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        coarse = random.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((48, 40), Image.Resampling.BICUBIC).save(folder / f"{index:03d}{suffix}")
    return folder

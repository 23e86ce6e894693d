"""A small model that takes no picture, and examples for it as .npz files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from small import save

SOUND_LENGTH, STATE_SIZE = 400, 8


def two_input_net(path: Path) -> Path:
    """A 1-d convolution over a sound and a linear layer over a state, added up."""
    random = np.random.default_rng(3)

    def weight(name: str, *shape: int):
        return numpy_helper.from_array(random.standard_normal(shape).astype(np.float32) / 4, name)

    nodes = [
        helper.make_node("Conv", ["sound", "w1", "b1"], ["c1"], "conv", kernel_shape=[9], strides=[4]),
        helper.make_node("Relu", ["c1"], ["r1"], "relu"),
        helper.make_node("GlobalAveragePool", ["r1"], ["p"], "pool"),
        helper.make_node("Flatten", ["p"], ["f"], "flatten"),
        helper.make_node("MatMul", ["state", "w2"], ["m"], "matmul"),
        helper.make_node("Add", ["f", "m"], ["features"], "add"),
    ]
    inputs = [
        helper.make_tensor_value_info("sound", TensorProto.FLOAT, [1, 1, SOUND_LENGTH]),
        helper.make_tensor_value_info("state", TensorProto.FLOAT, [1, STATE_SIZE]),
    ]
    outputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, [1, 16])]
    weights = [weight("w1", 16, 1, 9), weight("b1", 16), weight("w2", STATE_SIZE, 16)]
    return save(nodes, inputs, outputs, weights, path)


def examples(folder: Path, count: int) -> Path:
    """Random values for both inputs, without the batch axis."""
    random = np.random.default_rng(5)
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        sound = random.standard_normal((1, SOUND_LENGTH)).astype(np.float32)
        np.savez(folder / f"{index:03d}.npz", sound=sound, state=random.standard_normal(STATE_SIZE))
    return folder

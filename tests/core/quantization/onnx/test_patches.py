"""The nodes that sample patches: how many come out, and which layers share them."""

import numpy as np
import onnx
from onnx import numpy_helper

from core.onnx_model.graph import set_outputs
from core.quantization.onnx.layers import find_layers
from core.quantization.onnx.patches import add_patches
from core.runtimes.onnx import OnnxPredictor
from small import conv_net

SHAPES = {"input": (1, 3, 64, 64), "r1": (1, 16, 32, 32), "r2": (1, 16, 32, 32), "f": (1, 64)}


def patches(path, *, density=1.0, edit=lambda model: None):
    model = onnx.load(str(conv_net(path, size=64)))
    edit(model)
    names = add_patches(model, find_layers(model), SHAPES, density=density)
    set_outputs(model, sorted(set(names.values())))
    sample = {"input": np.random.default_rng(0).standard_normal((1, 3, 64, 64)).astype(np.float32)}
    return names, OnnxPredictor(model, threads=1).run(sample)


def test_8_by_8_patches_of_each_convolution_are_sampled(tmp_path):
    names, outputs = patches(tmp_path / "net.onnx")
    shapes = {node: outputs[name].shape for node, name in names.items()}
    assert shapes == {"conv1": (1, 27, 8, 8), "conv2": (1, 144, 8, 8), "conv3": (1, 16, 8, 8), "fc": (1, 64)}


def test_fewer_samples_give_more_patches_each(tmp_path):
    names, outputs = patches(tmp_path / "net.onnx", density=4.0)
    assert outputs[names["conv1"]].shape == (1, 27, 16, 16)


def test_layers_that_share_an_input_share_their_patches(tmp_path):
    def add_sibling(model):
        node = next(node for node in model.graph.node if node.name == "conv3")
        sibling = onnx.helper.make_node("Conv", [node.input[0], "w4"], ["c4"], "conv4")
        weights = np.ones((5, 16, 1, 1), np.float32)
        model.graph.initializer.append(numpy_helper.from_array(weights, "w4"))
        model.graph.node.insert(list(model.graph.node).index(node), sibling)

    names, outputs = patches(tmp_path / "net.onnx", edit=add_sibling)
    assert names["conv3"] == names["conv4"] and len(outputs) == 4

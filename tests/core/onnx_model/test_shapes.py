import numpy as np
import onnx

from core.onnx_model.shapes import assume_sizes, drop_data, fix_sizes, infer_shapes, known_shapes
from detectors import free_size_detector


def inferred(path, fix):
    model = onnx.load(str(free_size_detector(path)))
    drop_data(model.graph)
    fix(model.graph)
    return infer_shapes(model)


def test_shapes_follow_through_sizes_that_are_computed_in_the_graph(tmp_path):
    model = inferred(tmp_path / "m.onnx", lambda graph: fix_sizes(graph, {"images": (1, 3, 64, 64)}))
    shapes = dict(known_shapes(model.graph))
    assert shapes["boxes"] == (1, 256, 4) and shapes["found"] == (1, 32, 4)
    (side,) = (tensor for tensor in model.graph.initializer if tensor.name == "side")
    assert np.array_equal(onnx.numpy_helper.to_array(side), [32])


def test_sizes_that_are_not_given_are_assumed(tmp_path):
    model = inferred(tmp_path / "m.onnx", lambda graph: assume_sizes(graph, (32, 48)))
    assert dict(known_shapes(model.graph))["r2"] == (1, 32, 8, 12)

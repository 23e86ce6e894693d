"""Models exported for several samples at a time give the same rows from one at a time in ncnn."""

from dataclasses import replace

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.conversion.batch import first_sample, for_one_sample, samples_at_a_time
from core.conversion.context import ConversionContext
from core.inputs.images import Split
from core.onnx_model.inspect import inspect
from core.onnx_model.source import TensorInfo
from core.runtimes.ncnn import NcnnPredictor
from core.runtimes.onnx import OnnxPredictor
from ncnn_small import conv_then, onnx_model
from small import PREPROCESSING, save

COUNT = 4
RANDOM = np.random.default_rng(6)


def weight(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


def reshaped():
    """The number of samples stands in the shape of a Reshape, and in a constant of equal rows."""
    return [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Reshape", ["c", "shape"], ["flat"]),
        helper.make_node("Gemm", ["flat", "fc"], ["g"]),
        helper.make_node("Add", ["g", "offset"], ["y"]),
    ], {
        "w": weight(2, 3, 3, 3),
        "shape": np.array([COUNT, -1], np.int64),
        "fc": weight(2 * 36, 5),
        "offset": np.repeat(weight(1, 5), COUNT, axis=0),
    }


def recurrent():
    """A state for each sample, and sequences along the first axis inside."""
    return [
        helper.make_node("Reshape", ["x", "shape"], ["rows"]),
        helper.make_node("Transpose", ["rows"], ["sequence"], perm=[1, 0, 2]),
        helper.make_node(
            "GRU", ["sequence", "wi", "wh", "b", "", "h"], ["", "last"], hidden_size=6, linear_before_reset=1
        ),
        helper.make_node("Transpose", ["last"], ["t"], perm=[1, 0, 2]),
        helper.make_node("Flatten", ["t"], ["y"]),
    ], {
        "shape": np.array([COUNT, 3, -1], np.int64),
        "wi": weight(1, 18, 64),
        "wh": weight(1, 18, 6),
        "b": weight(1, 36),
        "h": np.zeros((1, COUNT, 6), np.float32),
    }


def mixed():
    """Each sample's answer depends on the others: one at a time cannot give it."""
    return [
        helper.make_node("ReduceMean", ["x", "axis"], ["m"], keepdims=1),
        helper.make_node("Sub", ["x", "m"], ["y"]),
    ], {"axis": np.array([0], np.int64)}


def context(nodes, weights, tmp_path):
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [COUNT, 3, 8, 8])]
    outputs = [
        helper.make_tensor_value_info("y", TensorProto.FLOAT, [COUNT, *(None,) * (3 if "axis" in weights else 1)])
    ]
    arrays = [numpy_helper.from_array(values, name) for name, values in weights.items()]
    source = inspect(save(nodes, inputs, outputs, arrays, tmp_path / "m.onnx", opset=18))
    return ConversionContext(source, replace(PREPROCESSING, size=(8, 8)), split=Split(), folder=tmp_path / "work")


@pytest.mark.parametrize("build", [reshaped, recurrent])
def test_every_row_is_reproduced_one_sample_at_a_time(build, tmp_path):
    made = context(*build(), tmp_path)
    feeds = {"x": weight(COUNT, 3, 8, 8)}
    expected = OnnxPredictor(made.source.path, threads=1).run(feeds)
    predictor = NcnnPredictor(made.ncnn_model, expected, threads=1)
    np.testing.assert_allclose(predictor.run(feeds)["y"], expected["y"], atol=1e-4)
    one = NcnnPredictor(made.ncnn_model, {"y": expected["y"][2:3]}, threads=1).run({"x": feeds["x"][2:3]})
    np.testing.assert_allclose(one["y"], expected["y"][2:3], atol=1e-4)


def test_samples_that_depend_on_each_other_are_converted_together(tmp_path):
    made = context(*mixed(), tmp_path)
    feeds = {"x": weight(COUNT, 3, 8, 8)}
    expected = OnnxPredictor(made.source.path, threads=1).run(feeds)
    found = NcnnPredictor(made.ncnn_model, expected, threads=1).run(feeds)
    np.testing.assert_allclose(found["y"], expected["y"], atol=1e-4)


@pytest.mark.parametrize(
    ("shapes", "count"),
    [
        ([(4, 3), (4, 2)], 4),
        ([(1, 3), (1, 2)], 1),
        ([(4, 3), (2, 2)], 1),
        ([("n", 3), ("n", 2)], 1),
        ([(4, 3), (4,)], 1),
        ([(4,)], 1),
    ],
)
def test_the_number_of_samples_is_the_first_axis_of_everything(shapes, count):
    assert samples_at_a_time([TensorInfo("x", shape, "float32") for shape in shapes]) == count


def test_other_constants_stay_and_feeds_are_cut():
    given = conv_then(helper.make_node("Add", ["c", "rows"], ["y"]), rows=weight(4, 1, 1))
    changed = for_one_sample(given, 4)
    assert changed.graph.initializer == given.graph.initializer
    feeds = {"x": weight(4, 3)}
    whole = onnx_model([helper.make_node("Relu", ["x"], ["y"])], [("x", 1, (4, 3))], [("y", 1, (4, 3))])
    assert first_sample(whole, feeds)["x"].shape == (4, 3)
    assert first_sample(for_one_sample(whole, 4), feeds)["x"].shape == (1, 3)

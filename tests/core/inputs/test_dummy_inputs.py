import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.common.errors import SourceError
from core.conversion.context import ConversionContext
from core.inputs.dummy_inputs import find_dummy_inputs
from core.inputs.images import Split, read_folder, split
from core.onnx_model.inspect import inspect
from small import PREPROCESSING, save


@pytest.fixture
def recurrent(tmp_path):
    """Frames of 256 samples and a state; only at a rate of 16000, else the sizes do not fit."""
    weight = np.random.default_rng(0).standard_normal((256, 8)).astype(np.float32)
    nodes = [
        helper.make_node("Reshape", ["input", "frames"], ["framed"]),
        helper.make_node("MatMul", ["framed", "weight"], ["features"]),
        helper.make_node("ReduceMean", ["features"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Add", ["mean", "state"], ["moved"]),
        helper.make_node("Div", ["sr", "rate"], ["ratio"]),
        helper.make_node("Reshape", ["ratio", "one"], ["times"]),
        helper.make_node("Concat", ["times", "ones"], ["repeats"], axis=0),
        helper.make_node("Tile", ["moved", "repeats"], ["output"]),
    ]
    weights = [
        numpy_helper.from_array(weight, "weight"),
        numpy_helper.from_array(np.array([1, -1, 256], np.int64), "frames"),
        numpy_helper.from_array(np.array(16000, np.int64), "rate"),
        numpy_helper.from_array(np.array([1], np.int64), "one"),
        numpy_helper.from_array(np.array([1, 1], np.int64), "ones"),
    ]
    inputs = [
        helper.make_tensor_value_info("input", TensorProto.FLOAT, [None, None]),
        helper.make_tensor_value_info("state", TensorProto.FLOAT, [1, None, 8]),
        helper.make_tensor_value_info("sr", TensorProto.INT64, []),
    ]
    outputs = [helper.make_tensor_value_info("output", TensorProto.FLOAT, [None, None, 8])]
    return inspect(save(nodes, inputs, outputs, weights, tmp_path / "recurrent.onnx"))


def context(source, folder, parts=None, **inputs) -> ConversionContext:
    return ConversionContext(source, PREPROCESSING, split=parts or Split(), folder=folder, inputs=inputs)


def test_free_sizes_and_a_sample_rate_are_found(recurrent):
    found = find_dummy_inputs(recurrent, {})
    assert found["input"].shape[0] == 1 and found["input"].shape[1] % 256 == 0
    assert found["sr"] == 16000 and found["state"].shape == (1, 1, 8) and not found["state"].any()


def test_given_inputs_are_kept(recurrent, tmp_path):
    sample = next(context(recurrent, tmp_path, sr="32000", state="ones").test_samples())
    assert sample.feeds["sr"] == 32000 and sample.feeds["state"].all()


def test_missing_inputs_of_array_samples_are_completed(recurrent, tmp_path):
    folder = tmp_path / "arrays"
    folder.mkdir()
    for index in range(4):
        np.save(folder / f"{index}.npy", np.full((1, 256 * (index + 1)), index, np.float32))
    conversion = context(recurrent, tmp_path, split(read_folder(folder)))
    samples = list(conversion.test_samples())
    assert len(samples) == 2 and conversion.has_test_samples and conversion.can_calibrate
    assert all(set(sample.feeds) == {"input", "state", "sr"} for sample in samples)
    assert [float(sample.feeds["input"][0, 0]) for sample in samples] == [1.0, 3.0]
    assert conversion.expected["output"].shape == (1, 1, 8)


def test_dimensions_of_the_same_name_get_the_same_size(tmp_path):
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"])
        for name in ("ids", "attention_mask")
    ]
    path = save(
        [helper.make_node("Mul", ["ids", "attention_mask"], ["y"])],
        inputs,
        [helper.make_tensor_value_info("y", TensorProto.INT64, ["batch", "length"])],
        [],
        tmp_path / "text.onnx",
    )
    found = find_dummy_inputs(inspect(path), {"ids": np.zeros((1, 9), np.int64)})
    assert found["attention_mask"].shape == (1, 9) and found["attention_mask"].all()


def test_a_model_that_runs_on_no_candidate_is_a_readable_error(tmp_path):
    path = save(
        [helper.make_node("Reshape", ["x", "shape"], ["y"])],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["length"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [7919])],
        [numpy_helper.from_array(np.array([7919], np.int64), "shape")],
        tmp_path / "odd.onnx",
    )
    with pytest.raises(SourceError) as caught:
        find_dummy_inputs(inspect(path), {})
    assert "--input" in str(caught.value.next_step)

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from core.common.errors import ConversionError, SourceError
from core.runtimes.onnx import OnnxPredictor, source_errors
from small import SIZE, conv_net, save


def identity(path, element, shape=("n",)):
    inputs, outputs = ([helper.make_tensor_value_info(name, element, shape)] for name in ("x", "y"))
    return save([helper.make_node("Identity", ["x"], ["y"])], inputs, outputs, [], path)


def test_a_file_and_a_model_in_memory_give_the_same_outputs(tmp_path):
    path = conv_net(tmp_path / "网络 v1.onnx")
    feeds = {"input": np.random.default_rng(0).standard_normal((1, 3, 32, 32)).astype(np.float32)}
    first, second = (OnnxPredictor(model, threads=1) for model in (path, onnx.load(str(path))))
    assert first.outputs == ("scores",) and first.float_tensors == {"input", "scores"}
    assert np.array_equal(first.run(feeds)["scores"], second.run(feeds)["scores"])


@pytest.mark.parametrize(
    ("element", "given", "expected"),
    [
        (TensorProto.UINT8, np.float32([0, 1.9999, 255]), np.uint8([0, 2, 255])),
        (TensorProto.INT64, np.float32([-1, 3]), np.int64([-1, 3])),
        (TensorProto.FLOAT, np.float64([0.1]), np.float32([0.1])),
        (TensorProto.FLOAT16, np.float32([0.1]), np.float16([0.1])),
        (TensorProto.FLOAT, np.int64([3]), np.float32([3])),
    ],
)
def test_inputs_are_cast_to_the_models_element_type(tmp_path, element, given, expected):
    output = OnnxPredictor(identity(tmp_path / "m.onnx", element)).run({"x": given})["y"]
    assert output.dtype == expected.dtype and np.array_equal(output, expected)


@pytest.mark.parametrize("given", [np.float32([0, 300]), np.float32([-3, 1]), np.float32([1.5]), np.float32([np.nan])])
def test_nothing_is_cut_off_or_rounded_on_its_way_into_a_model(tmp_path, given):
    with pytest.raises(ConversionError, match='"x" takes whole numbers from 0 to 255'):
        OnnxPredictor(identity(tmp_path / "m.onnx", TensorProto.UINT8)).run({"x": given})


def test_tensors_that_are_no_inputs_are_ignored(tmp_path):
    predictor = OnnxPredictor(identity(tmp_path / "m.onnx", TensorProto.FLOAT))
    assert list(predictor.run({"x": np.float32([1]), "other": np.float32([2])})) == ["y"]
    predictor.close()


def test_a_model_that_does_not_load_is_a_readable_error(tmp_path):
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"no model")
    with pytest.raises(ConversionError, match="cannot be loaded") as caught:
        OnnxPredictor(path)
    assert caught.value.detail and str(caught.value.next_step)


def test_an_input_that_does_not_fit_is_a_readable_error(tmp_path):
    predictor = OnnxPredictor(identity(tmp_path / "m.onnx", TensorProto.FLOAT, [2]))
    for feeds in ({"x": np.zeros(3, np.float32)}, {}):
        with pytest.raises(ConversionError, match="stopped") as caught:
            predictor.run(feeds)
        assert caught.value.detail


def test_errors_of_the_source_itself_name_its_file(tmp_path):
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"no model")
    with pytest.raises(SourceError, match=r"broken\.onnx") as caught, source_errors(path):
        OnnxPredictor(path)
    assert caught.value.detail and str(caught.value.next_step)


def test_outputs_that_are_kept_do_not_keep_the_memory_of_their_session(tmp_path):
    feeds = {"input": np.random.default_rng(0).standard_normal((1, 3, 32, 32)).astype(np.float32)}
    predictor = OnnxPredictor(conv_net(tmp_path / "m.onnx"), threads=1)
    assert predictor.run(feeds)["scores"].flags.owndata


def test_with_memory_released_after_runs_outputs_are_the_same(tmp_path):
    feeds = {"input": np.random.default_rng(0).standard_normal((1, 3, 32, 32)).astype(np.float32)}
    predictor = OnnxPredictor(conv_net(tmp_path / "m.onnx"), threads=1)
    expected = predictor.run(feeds)["scores"]
    predictor.release_memory_after_runs()
    assert all(np.array_equal(predictor.run(feeds)["scores"], expected) for _ in range(3))


def test_the_bytes_of_a_model_are_not_kept_beside_its_session(tmp_path):
    """They are an attribute of onnxruntime's own, which a newer version may call otherwise."""
    content = conv_net(tmp_path / "net.onnx").read_bytes()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    assert session._model_bytes is content
    predictor = OnnxPredictor(content)
    assert predictor._session._model_bytes is None
    assert predictor.run({"input": np.zeros((1, 3, SIZE, SIZE), np.float32)})

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.common.errors import SourceError
from core.onnx_model.inspect import inspect
from small import conv_net, save


def test_inputs_operators_and_parameters_are_described(tmp_path):
    source = inspect(conv_net(tmp_path / "net.onnx"))
    assert [tensor.shape for tensor in source.inputs] == [(1, 3, 32, 32)]
    assert source.outputs[0].name == "scores" and source.opset == 13
    assert source.operators["Conv"] == 3 and source.takes_image and source.layout == "nchw"
    assert source.parameters == 16 * 27 + 16 + 16 * 9 + 16 + 64 * 16 + 64 + 5 * 64 + 5
    assert not source.is_quantized and not source.is_fp16


def test_a_text_file_called_onnx_is_no_model(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_text("Hello, I am a text file.")
    with pytest.raises(SourceError, match="not an ONNX model"):
        inspect(path)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_model_is_refused_with_its_name(tmp_path, share):
    content = conv_net(tmp_path / "net.onnx").read_bytes()
    (tmp_path / "cut.onnx").write_bytes(content[: int(len(content) * share)])
    with pytest.raises(SourceError) as caught:
        inspect(tmp_path / "cut.onnx")
    assert "cut.onnx" in str(caught.value.reason) and str(caught.value.next_step)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path, words in ((tmp_path / "nowhere.onnx", "no file"), (tmp_path, "is not a file, but a folder")):
        with pytest.raises(SourceError, match=words):
            inspect(path)


def external(tmp_path, location: str):
    path = conv_net(tmp_path / "net.onnx")
    model = onnx.load(str(path))
    tensor = model.graph.initializer[0]
    onnx.external_data_helper.set_external_data(tensor, location)
    tensor.ClearField("raw_data")
    path.write_bytes(model.SerializeToString())
    return path


def test_missing_external_weights_are_named(tmp_path):
    with pytest.raises(SourceError, match=r"weights\.bin"):
        inspect(external(tmp_path, "weights.bin"))


@pytest.mark.parametrize("location", ["../secret", "/etc/passwd"])
def test_external_weights_outside_the_folder_are_never_read(tmp_path, location):
    with pytest.raises(SourceError, match="outside its own folder"):
        inspect(external(tmp_path, location))


def test_initializers_listed_as_inputs_are_not_inputs_to_feed(tmp_path):
    path = conv_net(tmp_path / "net.onnx")
    model = onnx.load(str(path))
    for tensor in model.graph.initializer:
        model.graph.input.append(helper.make_tensor_value_info(tensor.name, TensorProto.FLOAT, tensor.dims))
    path.write_bytes(model.SerializeToString())
    assert [tensor.name for tensor in inspect(path).inputs] == ["input"]


def test_free_dimensions_keep_their_names(tmp_path):
    source = inspect(conv_net(tmp_path / "net.onnx", size="side"))
    assert source.inputs[0].shape == (1, 3, "side", "side") and not source.inputs[0].is_static


def test_fp16_and_quantized_models_are_recognised(tmp_path):
    weight = numpy_helper.from_array(np.ones((3, 4), np.float16), "w")
    fp16 = save(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT16, [1, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT16, [1, 4])],
        [weight],
        tmp_path / "fp16.onnx",
    )
    assert inspect(fp16).is_fp16
    scale, zero = numpy_helper.from_array(np.float32(0.1), "s"), numpy_helper.from_array(np.uint8(3), "z")
    quantized = save(
        [helper.make_node("QuantizeLinear", ["x", "s", "z"], ["y"])],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3])],
        [helper.make_tensor_value_info("y", TensorProto.UINT8, [1, 3])],
        [scale, zero],
        tmp_path / "quantised.onnx",
    )
    assert inspect(quantized).is_quantized


def test_names_with_spaces_and_chinese_characters_work(tmp_path):
    path = conv_net(tmp_path / "我的 模型" / "网络 v1.onnx")
    assert inspect(path).path == path


def test_a_model_without_inputs_or_nodes_is_refused(tmp_path):
    value = numpy_helper.from_array(np.float32(1), "v")
    output = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [])]
    path = save([helper.make_node("Constant", [], ["y"], value=value)], [], output, [], tmp_path / "constant.onnx")
    with pytest.raises(SourceError, match="takes no input"):
        inspect(path)
    (tmp_path / "empty.onnx").write_bytes(onnx.ModelProto(ir_version=8).SerializeToString())
    with pytest.raises(SourceError, match="empty"):
        inspect(tmp_path / "empty.onnx")


def test_external_weights_count_for_the_size(tmp_path):
    inside = conv_net(tmp_path / "net.onnx")
    outside = tmp_path / "outside.onnx"
    onnx.save(onnx.load(str(inside)), str(outside), save_as_external_data=True, location="w.data", size_threshold=0)
    source = inspect(outside)
    assert source.size_bytes == outside.stat().st_size + (tmp_path / "w.data").stat().st_size
    assert source.parameters == inspect(inside).parameters

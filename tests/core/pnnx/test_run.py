import stat
import sys

import numpy as np
import pytest
from onnx import TensorProto, helper

from core.common.errors import ConversionError, ToolError
from core.ncnn.param import parse_param
from core.ncnn.weights import read_weights, write_weights
from core.pnnx import run
from core.pnnx.run import find_pnnx, is_ncnn_type, run_pnnx
from ncnn_small import TEXT, best_two, conv_then, onnx_model


def test_a_good_model_is_converted_in_32_bit(tmp_path):
    result = run_pnnx(conv_then(helper.make_node("Sigmoid", ["c"], ["y"])), tmp_path / "a b 模型")
    assert [layer.type for layer in result.param.layers] == ["Input", "Convolution"]
    weights = read_weights(result.param, result.weights)
    assert weights[1][0].values.dtype == np.float32 and write_weights(weights) == result.weights
    assert "pass_level" in result.log


def test_the_type_of_integer_inputs_is_passed_to_pnnx(tmp_path):
    model = onnx_model(
        [helper.make_node("Gather", ["table", "ids"], ["e"]), helper.make_node("MatMul", ["e", "w"], ["y"])],
        [("ids", TensorProto.INT64, [1, 6])],
        [("y", TensorProto.FLOAT, None)],
        table=np.ones((20, 8), np.float32),
        w=np.ones((8, 4), np.float32),
    )
    result = run_pnnx(model, tmp_path)
    assert "Embed" in {layer.type for layer in result.param.layers}
    assert "inputshape = [1,6]i64" in result.log


def test_an_operator_that_ncnn_does_not_have_is_named_with_its_node(tmp_path):
    model = best_two()
    model.graph.node[-1].name = "head/best"
    with pytest.raises(ConversionError, match='TopK \\("head/best"\\)') as caught:
        run_pnnx(model, tmp_path)
    assert str(caught.value.next_step)


def test_a_layer_whose_options_pnnx_ignores_is_named(tmp_path):
    """ArgMax exists in ncnn, but pnnx ignores the axis: it would load and give wrong outputs."""
    node = helper.make_node("ArgMax", ["c"], ["y"], axis=1)
    with pytest.raises(ConversionError, match="ArgMax"):
        run_pnnx(conv_then(node, output=("y", TensorProto.INT64, None)), tmp_path)


def test_a_model_that_crashes_pnnx_is_a_readable_error(tmp_path):
    with pytest.raises(ConversionError, match="could not read") as caught:
        run_pnnx(conv_then(helper.make_node("Strange", ["c"], ["y"], domain="elsewhere")), tmp_path)
    assert "exit code" in caught.value.detail


@pytest.mark.parametrize(
    "line",
    [
        "ignore ArgMax ArgMax_1 param axis=1",
        "fold_constants ...   ignore LSTM lstm_0 param hidden_size=8",
        "FATAL ERROR no external data",
        "ort CreateSession failed something",
        "fopen /nowhere/x.bin failed",
    ],
)
def test_error_lines_are_found_anywhere_in_the_log(line):
    with pytest.raises(ConversionError):
        run._check_result(parse_param(TEXT), f"pass_level1\n{line}\npass_level2\n", best_two())


def test_the_log_of_a_good_conversion_is_no_error():
    log = ("############# pass_level0 onnx", "[W:onnxruntime: Unknown CPU vendor, ignore it]", "│ Conv │ 53 │")
    run._check_result(parse_param(TEXT), "\n".join(log), best_two())


def test_layer_types_are_those_of_the_installed_ncnn():
    assert is_ncnn_type("Convolution") and is_ncnn_type("MultiHeadAttention")
    assert not any(map(is_ncnn_type, ("Tensor.slice", "pnnx.Expression", "aten::size", "TopK", "")))


def test_pnnx_is_found_without_importing_it():
    assert find_pnnx() is not None and "pnnx" not in sys.modules


def test_a_missing_pnnx_is_an_error_that_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "find_pnnx", lambda: None)
    with pytest.raises(ToolError, match="not installed") as caught:
        run_pnnx(conv_then(helper.make_node("Relu", ["c"], ["y"])), tmp_path)
    assert "env_config" in str(caught.value.next_step)


@pytest.mark.skipif(sys.platform == "win32", reason="a script is no program on Windows")
def test_a_pnnx_that_hangs_is_stopped(tmp_path, monkeypatch):
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(slow.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(run, "find_pnnx", lambda: slow)
    monkeypatch.setattr(run, "_MINUTES", 0.005)
    with pytest.raises(ConversionError, match="longer than"):
        run_pnnx(conv_then(helper.make_node("Relu", ["c"], ["y"])), tmp_path / "work")


def test_a_broken_pnnx_is_a_readable_error(tmp_path, monkeypatch):
    broken = tmp_path / "pnnx"
    broken.write_bytes(b"no program")
    monkeypatch.setattr(run, "find_pnnx", lambda: broken)
    with pytest.raises(ToolError, match="could not be started"):
        run_pnnx(conv_then(helper.make_node("Relu", ["c"], ["y"])), tmp_path / "work")


def test_a_model_too_large_for_pnnx_is_a_readable_error():
    class Model:  # a real one would need the 2 GB
        def SerializeToString(self):  # noqa: N802 - protobuf's name
            raise ValueError("exceeds maximum protobuf size of 2GB")

    with pytest.raises(ConversionError, match="2 GB"):
        run._serialised(Model())


def test_an_operator_that_pnnx_renamed_is_reported_by_its_onnx_name(tmp_path):
    numbers = {"first": [0], "last": [8], "axis": [1], "step": [2]}
    node = helper.make_node("Slice", ["c", *numbers], ["y"], "every_second")
    constants = {name: np.array(values, np.int64) for name, values in numbers.items()}
    with pytest.raises(ConversionError, match='Slice \\("every_second"\\)'):
        run_pnnx(conv_then(node, **constants), tmp_path)


def test_of_several_nodes_of_one_operator_the_one_at_fault_is_named(tmp_path):
    """pnnx reads a Pad at the edge, and leaves one without a mode."""
    pads = np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64)
    good = helper.make_node("Pad", ["c", "pads"], ["p"], "good", mode="edge")
    bad = helper.make_node("Pad", ["p", "pads"], ["y"], "bad")
    with pytest.raises(ConversionError, match=r"model: Pad \(\"bad\"\)\."):
        run_pnnx(conv_then(good, bad, pads=pads), tmp_path)

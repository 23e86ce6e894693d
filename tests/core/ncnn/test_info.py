import io

from core.common.console import Console
from core.ncnn.__main__ import main
from core.quantization.ncnn.int8 import to_int8
from ncnn_small import model


def run(*arguments, language="en"):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    code = main([str(argument) for argument in arguments], Console(stream, language))
    stream.seek(0)
    return code, stream.read()


def test_layers_their_weights_and_what_is_quantised_are_listed(tmp_path):
    param, _ = to_int8(model(), {1: 3.0, 3: 4.0}).save(tmp_path / "m.param", tmp_path / "m.bin")
    code, text = run("info", param)
    lines = text.splitlines()
    assert code == 0
    assert "weight 216 x 8 bit, bias 8 x 32 bit, weight_scale 8 x 32 bit" in lines[1] and " 8 Convolution" in lines[1]
    assert "weight 32 x 16 bit" in lines[6] and " 8 " not in lines[6].split("InnerProduct")[0]
    assert "Layers: 7. Computed in 8 bit: 2." in text and "Inputs: in0. Outputs: out0." in text


def test_it_is_translated_to_chinese(tmp_path):
    param, weights = model().save(tmp_path / "m.param", tmp_path / "other.bin")
    code, text = run("info", param, "--weights", weights, language="zh")
    assert code == 0 and "共 7 层" in text


def test_an_error_is_readable_and_no_traceback(tmp_path):
    code, text = run("info", tmp_path / "none.param")
    assert code == 1 and "cannot be read" in text and "none.param" in text

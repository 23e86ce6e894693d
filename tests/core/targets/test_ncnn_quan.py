"""What the 8-bit ncnn target notes and refuses by itself."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.common.errors import ConversionError
from core.common.progress import silent
from core.conversion.context import ConversionContext
from core.inputs.images import read_folder, split
from core.onnx_model.inspect import inspect
from core.targets.ncnn_quan import NcnnQuan
from small import PREPROCESSING, conv_net, pictures, save


def make(path, tmp_path, **options):
    folder = tmp_path / "work"
    folder.mkdir()
    parts = split(read_folder(pictures(tmp_path / "pictures", 6)))
    context = ConversionContext(inspect(path), PREPROCESSING, split=parts, folder=folder, **options)
    return NcnnQuan().make(context, folder, silent)


def test_the_layers_left_in_16_bit_are_counted_in_a_note(tmp_path):
    artifact = make(conv_net(tmp_path / "net.onnx", classes=200), tmp_path)
    (note,) = (str(note) for note in artifact.notes if "in 16 bit" in str(note))
    assert note.startswith("2 of 4 layers were left in 16 bit")


def test_another_calibration_method_gives_other_scales(tmp_path):
    path = conv_net(tmp_path / "net.onnx", classes=200)
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    one = make(path, tmp_path / "one").files[1].read_bytes()
    other = make(path, tmp_path / "other", ncnn_calibration="kl").files[1].read_bytes()
    assert one != other


def test_a_model_without_layers_for_8_bit_is_a_readable_error(tmp_path):
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 32, 32]) for name in "xy"]
    weights = [numpy_helper.from_array(np.full((1, 3, 1, 1), 2, np.float32), "w")]
    path = save([helper.make_node("Mul", ["x", "w"], ["y"])], values[:1], values[1:], weights, tmp_path / "m.onnx")
    with pytest.raises(ConversionError, match="no layer"):
        make(path, tmp_path)


def test_where_every_layer_is_in_8_bit_there_is_no_note_of_layers_in_16_bit(tmp_path):
    random = np.random.default_rng(1)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 32, 32])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 10])
    weights = [numpy_helper.from_array(random.standard_normal((3 * 32 * 32, 10)).astype(np.float32), "w")]
    nodes = [helper.make_node("Flatten", ["x"], ["f"]), helper.make_node("MatMul", ["f", "w"], ["y"])]
    artifact = make(save(nodes, [x], [y], weights, tmp_path / "m.onnx"), tmp_path)
    assert not [note for note in artifact.notes if "in 16 bit" in str(note)]

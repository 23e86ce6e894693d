"""What the dynamic 8-bit target refuses by itself, and its notes."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.common.errors import TargetRefused
from core.common.progress import silent
from core.conversion.context import ConversionContext
from core.inputs.images import Split
from core.onnx_model.source import inspect
from core.targets.onnx_quan_dy import OnnxQuanDy
from small import PREPROCESSING, conv_net, save


def matrix_product(path, rows, columns):
    return save(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, rows])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, columns])],
        [numpy_helper.from_array(np.ones((rows, columns), np.float32), "w")],
        path,
    )


@pytest.mark.parametrize(("rows", "columns", "is_refused"), [(3, 3, True), (40, 40, False)])
def test_a_model_with_hardly_any_weights_is_refused(tmp_path, rows, columns, is_refused):
    source = inspect(matrix_product(tmp_path / "m.onnx", rows, columns))
    if not is_refused:
        OnnxQuanDy().check(source)
        return
    with pytest.raises(TargetRefused, match="smaller"):
        OnnxQuanDy().check(source)


def test_convolutions_that_are_weight_only_are_counted_in_a_note(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    source = inspect(conv_net(tmp_path / "net.onnx", classes=500))
    context = ConversionContext(source, PREPROCESSING, split=Split(), folder=folder)
    (note,) = OnnxQuanDy().make(context, folder, silent).notes
    assert "1 layer is stored in 8 bit" in str(note) or "3 layers are stored in 8 bit" in str(note)

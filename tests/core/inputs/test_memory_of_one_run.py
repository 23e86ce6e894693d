"""A picture size may come from anywhere; a run that would take all memory is not begun."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.common.errors import InputError
from core.inputs.infer_preprocessing import infer_preprocessing
from core.onnx_model.inspect import inspect
from small import save

_STORED = {"fit": "crop", "color": "rgb", "layout": "nchw", "mean": [0, 0, 0], "std": [1, 1, 1]}


@pytest.fixture
def wide_net(tmp_path):
    """A thousand channels for pictures of any size: 69 GB at 4096 x 4096; it carries the metadata that is given."""

    def make(**metadata):
        weight = numpy_helper.from_array(np.zeros((1024, 3, 1, 1), np.float32), "w")
        nodes = [helper.make_node("Conv", ["x", "w"], ["c"]), helper.make_node("GlobalAveragePool", ["c"], ["y"])]
        inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, "h", "w_"])]
        outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1024, 1, 1])]
        model = onnx.load(save(nodes, inputs, outputs, [weight], tmp_path / "wide.onnx"))
        helper.set_model_props(model, metadata)
        onnx.save(model, tmp_path / "wide.onnx")
        return inspect(tmp_path / "wide.onnx")

    return make


@pytest.mark.parametrize(
    ("metadata", "size"),
    [
        ({"edgepress.preprocessing": json.dumps({**_STORED, "size": [4096, 4096]})}, None),
        ({"imgsz": "[8192, 8192]", "stride": "32"}, None),
        ({}, (8192, 8192)),
    ],
    ids=["stored", "ultralytics", "given"],
)
def test_a_run_that_takes_all_memory_is_not_begun(wide_net, metadata, size):
    with pytest.raises(InputError, match=r"(8192|4096) pixels, one run of this model takes about \d+\.?\d* GB"):
        infer_preprocessing(wide_net(**metadata), size=size)


def test_a_smaller_size_that_the_person_gives_is_used_instead(wide_net):
    source = wide_net(imgsz="[8192, 8192]", stride="32")
    assert infer_preprocessing(source, size=(64, 64)).preprocessing.size == (64, 64)

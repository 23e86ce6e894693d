"""The reason that is given is the true one."""

from dataclasses import replace

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.conversion.larger_files import why_larger
from core.onnx_model.inspect import inspect
from small import conv_net, save


@pytest.fixture
def source(tmp_path):
    return inspect(conv_net(tmp_path / "net.onnx"))


def test_a_small_model_has_few_weights(source):
    assert "its weights are few" in str(why_larger(source.size_bytes + 1000, source))


def test_numbers_that_are_computed_at_each_start_are_stored(source):
    assert "computes some of its numbers" in str(why_larger(source.size_bytes + (1 << 20), source))


def test_16_bit_weights_grow(source):
    halved = replace(source, parameters=100, half_parameters=100)
    assert halved.is_fp16 and "16 bit" in str(why_larger(source.size_bytes + (1 << 20), halved))


def test_shared_weights_are_stored_for_each_layer(tmp_path):
    nodes = [helper.make_node("MatMul", [f"x{index}", "w"], [f"x{index + 1}"]) for index in range(8)]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 200]) for name in ("x0", "x8")]
    weights = [numpy_helper.from_array(np.zeros((200, 200), np.float32), "w")]
    source = inspect(save(nodes, values[:1], values[1:], weights, tmp_path / "m.onnx"))
    assert "share their weights" in str(why_larger(8 * source.size_bytes, source))

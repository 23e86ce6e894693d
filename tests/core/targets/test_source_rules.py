"""Sources that every target refuses."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.common.errors import TargetRefused
from core.onnx_model.inspect import inspect
from core.targets.source_rules import refuse_if_8_bit, refuse_if_random
from small import conv_net, save


def value(name, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, [1, 3])


def test_an_ordinary_float_model_passes(tmp_path):
    source = inspect(conv_net(tmp_path / "net.onnx"))
    refuse_if_8_bit(source)
    refuse_if_random(source)


def test_a_model_that_computes_in_8_bit_is_refused(tmp_path):
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node("MatMul", ["d", "w"], ["y"]),
    ]
    constants = [
        numpy_helper.from_array(np.float32(0.1), "s"),
        numpy_helper.from_array(np.uint8(0), "z"),
        numpy_helper.from_array(np.ones((3, 3), np.float32), "w"),
    ]
    path = save(nodes, [value("x")], [value("y")], constants, tmp_path / "q.onnx")
    with pytest.raises(TargetRefused, match="8 bit"):
        refuse_if_8_bit(inspect(path))


def test_a_model_with_random_outputs_is_refused_with_its_operators(tmp_path):
    nodes = [
        helper.make_node("RandomNormalLike", ["x"], ["noise"]),
        helper.make_node("Add", ["x", "noise"], ["y"]),
    ]
    path = save(nodes, [value("x")], [value("y")], [], tmp_path / "random.onnx")
    with pytest.raises(TargetRefused, match="RandomNormalLike"):
        refuse_if_random(inspect(path))

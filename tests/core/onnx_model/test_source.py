import json
import os
from dataclasses import replace

import pytest

from core.common.serialization import to_data
from core.onnx_model.inspect import inspect
from core.onnx_model.source import TensorInfo, shape_text
from small import PREPROCESSING, conv_net


@pytest.fixture
def source(tmp_path):
    return inspect(conv_net(tmp_path / "net.onnx"))


def image_input(*shape, dtype="float32"):
    return (TensorInfo("input", shape, dtype),)


@pytest.mark.parametrize(
    ("inputs", "layout"),
    [
        (image_input(1, 3, 32, 32), "nchw"),
        (image_input("N", 1, "h", "w"), "nchw"),
        (image_input(1, 32, 48, 3), "nhwc"),
        (image_input(1, 3, 5, 3), "nchw"),
        (image_input("N", "C", "h", "w"), "nchw"),
        (image_input(1, 7, 32, 32), None),
        (image_input(1, 3, 32), None),
        (image_input(1, 3, 32, 32, dtype="int64"), None),
        (image_input(1, 3, 32, 32) * 2, None),
    ],
)
def test_the_layout_is_that_of_the_channel_axis(source, inputs, layout):
    changed = replace(source, inputs=inputs)
    assert changed.layout == layout and changed.takes_image == (layout is not None)


def test_the_image_size_follows_the_layout(source):
    assert replace(source, inputs=image_input(1, 3, 20, "w")).image_size == (20, "w")
    assert replace(source, inputs=image_input(1, 20, 30, 3)).image_size == (20, 30)


@pytest.mark.parametrize(
    ("metadata", "names"),
    [
        ({"names": "{1: 'dog', 0: 'cat'}"}, ("cat", "dog")),
        ({"edgepress.classes": '["猫", "dog"]', "names": "{0: 'other'}"}, ("猫", "dog")),
        ({"names": "__import__('os').getcwd()"}, ()),
        ({"names": "{0: 'cat'"}, ()),
        ({"edgepress.classes": "[1,"}, ()),
        ({}, ()),
    ],
)
def test_class_names_come_from_the_metadata_and_are_never_evaluated(source, metadata, names):
    assert replace(source, metadata=metadata).class_names == names


@pytest.mark.parametrize("damaged", ["", "[]", "{", '{"size": [0, 0]}', '{"size": "large"}'])
def test_damaged_preprocessing_in_the_metadata_is_ignored(source, damaged):
    wanted = json.dumps(to_data(PREPROCESSING))
    assert replace(source, metadata={"edgepress.preprocessing": wanted}).own_preprocessing == PREPROCESSING
    assert replace(source, metadata={"edgepress.preprocessing": damaged}).own_preprocessing is None
    assert source.own_preprocessing is None


def test_inputs_that_are_given_elsewhere_are_left_out(source):
    both = replace(source, inputs=(*source.inputs, TensorInfo("rate", (), "int64")))
    assert not both.takes_image and both.without({"rate"}).takes_image
    assert both.without(()) == both


def test_a_changed_or_missing_file_is_not_current(source):
    assert source.is_current
    os.utime(source.path, ns=(source.modified_ns, source.modified_ns + 10**9))
    assert not source.is_current
    source.path.unlink()
    assert not source.is_current


def test_operators_of_other_domains_are_foreign(source):
    assert source.foreign_operators == ()
    mixed = replace(source, operators={"Conv": 3, "com.example::Second": 1, "ai.onnx.ml::Scaler": 2})
    assert mixed.foreign_operators == ("ai.onnx.ml::Scaler", "com.example::Second")
    assert replace(source, operators={"com.microsoft::DynamicQuantizeLinear": 1}).is_quantized


def test_a_few_fp16_weights_do_not_make_an_fp16_model(source):
    assert replace(source, half_parameters=source.parameters // 2 + 1).is_fp16
    assert not replace(source, half_parameters=source.parameters // 2).is_fp16


@pytest.mark.parametrize(
    ("shape", "accepted"), [((1, 3, 8, 9), True), ((2, 3, 8, 9), False), ((3, 8, 9), False), ((1, 3, 8, 9, 1), False)]
)
def test_fixed_dimensions_must_match(shape, accepted):
    assert TensorInfo("x", (1, 3, "h", "?"), "float32").accepts(shape) == accepted


def test_shapes_in_messages():
    assert shape_text((1, 3, "h", "?")) == "1x3xhx?" and shape_text(()) == "()"

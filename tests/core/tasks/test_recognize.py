from dataclasses import replace

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.onnx_model.inspect import inspect
from core.tasks.classification import Classification
from core.tasks.recognize import recognize_task
from core.tasks.tensors import Tensors
from small import CLASSES, conv_net, save


@pytest.fixture
def source(tmp_path):
    return inspect(conv_net(tmp_path / "net.onnx"))


def scores(*shape):
    return {"scores": np.zeros(shape, np.float32)}


@pytest.mark.parametrize("shape", [(1, CLASSES), (1, CLASSES, 1, 1)])
def test_an_image_model_with_one_row_of_scores_classifies(source, shape):
    assert isinstance(recognize_task(source, scores(*shape)), Classification)


@pytest.mark.parametrize("shape", [(1, 1), (2, 5), (1, 5, 2, 2), (1, 5, 1), (5,)])
def test_outputs_of_other_shapes_are_only_tensors(source, shape):
    assert isinstance(recognize_task(source, scores(*shape)), Tensors)


def test_several_outputs_are_only_tensors(source):
    assert isinstance(recognize_task(source, {**scores(1, 5), "more": np.zeros((1, 5))}), Tensors)


def test_a_model_that_takes_no_image_does_not_classify(tmp_path):
    path = save(
        [helper.make_node("MatMul", ["x", "w"], ["scores"])],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 5])],
        [numpy_helper.from_array(np.ones((8, 5), np.float32), "w")],
        tmp_path / "m.onnx",
    )
    assert isinstance(recognize_task(inspect(path), scores(1, 5)), Tensors)


def test_class_names_of_the_model_count_where_there_is_one_for_each_class(source):
    named = replace(source, metadata={"edgepress.classes": '["a", "b", "c", "d", "e"]'})
    assert recognize_task(named, scores(1, 5)).class_name(4) == "e"
    assert recognize_task(named, scores(1, 6)).class_name(4) == "4"


def test_labels_are_class_names_where_there_is_one_for_each_class(source):
    labels = ("dog", "cat", "eel", "ant", "bee", "ant")
    assert recognize_task(source, scores(1, 5), labels=labels).class_index("eel") == 4
    assert recognize_task(source, scores(1, 9), labels=labels).class_index("eel") is None


def test_labels_that_are_all_numbers_are_indices(source):
    task = recognize_task(source, scores(1, 5), labels=("10", "2", "3", "4", "5"))
    assert task.class_index("2") == 2

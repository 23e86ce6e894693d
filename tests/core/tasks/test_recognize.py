from dataclasses import replace

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.common.errors import OptionError
from core.onnx_model.inspect import inspect
from core.preprocessing import Placement
from core.tasks.base import Evidence, TaskOptions
from core.tasks.recognize import recognize_task
from small import CLASSES, SIZE, conv_net, save

RANDOM = np.random.default_rng(0)


@pytest.fixture
def source(tmp_path):
    return inspect(conv_net(tmp_path / "net.onnx"))


def evidence(source, *outputs, size=(SIZE, SIZE), **known):
    named = [one if isinstance(one, dict) else {"y": one} for one in outputs]
    return Evidence(source, named, size if source.takes_image else None, metadata=source.metadata, **known)


def normal(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


def with_operator(source, *names):
    return replace(source, operators={**source.operators, **dict.fromkeys(names, 1)})


def vector_model(folder, *, inputs="x"):
    path = save(
        [helper.make_node("MatMul", [inputs, "w"], ["y"])],
        [helper.make_tensor_value_info(inputs, TensorProto.FLOAT, [1, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 5])],
        [numpy_helper.from_array(np.ones((8, 5), np.float32), "w")],
        folder / "m.onnx",
    )
    return inspect(path)


@pytest.mark.parametrize("shape", [(1, CLASSES), (1, CLASSES, 1, 1)])
def test_an_image_model_with_one_row_of_scores_classifies(source, shape):
    assert recognize_task(evidence(source, normal(*shape))).name == "classification"


@pytest.mark.parametrize("shape", [(1, 1), (2, 5), (1, 5, 2, 2), (1, 5, 1), (5,)])
def test_outputs_of_other_shapes_are_only_tensors(source, shape):
    assert recognize_task(evidence(source, normal(*shape))).name == "tensors"


def test_several_outputs_are_only_tensors(source):
    assert recognize_task(evidence(source, {"y": normal(1, 5), "more": normal(1, 5)})).name == "tensors"


def test_a_model_that_takes_no_image_classifies_only_with_probabilities(tmp_path):
    model = vector_model(tmp_path)
    assert recognize_task(evidence(model, normal(1, 5))).name == "tensors"
    shares = np.array([[0.5, 0.25, 0.125, 0.0625, 0.0625]], np.float32)
    assert recognize_task(evidence(model, shares)).name == "classification"


def test_independent_probabilities_are_labels_of_which_several_may_be_present(source):
    task = recognize_task(evidence(with_operator(source, "Sigmoid"), np.array([[0.9, 0.8, 0.1]], np.float32)))
    assert task.decode({"y": np.array([[0.9, 0.8, 0.1]])}, Placement.identity((1, 1))).present == {0, 1}


def test_class_names_count_where_there_is_one_for_each_class(source):
    names = ("a", "b", "c", "d", "e")
    assert recognize_task(evidence(source, normal(1, 5), class_names=names)).class_name(4) == "e"
    assert recognize_task(evidence(source, normal(1, 6), class_names=names)).class_name(4) == "4"


def test_labels_are_class_names_where_there_is_one_for_each_class(source):
    labels = frozenset({"dog", "cat", "eel", "ant", "bee"})
    assert recognize_task(evidence(source, normal(1, 5), labels=labels)).class_index("eel") == 4
    assert recognize_task(evidence(source, normal(1, 9), labels=labels)).class_index("eel") is None


def test_labels_that_are_all_numbers_are_indices(source):
    labels = frozenset({"10", "2", "3", "4", "5"})
    assert recognize_task(evidence(source, normal(1, 5), labels=labels)).class_index("2") == 2


def test_a_sequence_with_known_characters_is_text(source):
    read = replace(source, metadata={"character": "\n".join("abcdefghijkl")})
    task = recognize_task(evidence(read, normal(1, 20, 14)))
    assert task.name == "text" and "13 characters" in str(task.reason)  # the letters and a space


def test_a_sequence_with_a_frequent_blank_from_a_wide_picture_is_text(source):
    scores = np.zeros((1, 20, 30), np.float32)
    scores[:, :, 0] = 5
    scores[0, 3, 7] = scores[0, 9, 8] = 9
    assert recognize_task(evidence(source, scores, size=(32, 128))).name == "text"
    assert recognize_task(evidence(source, scores, size=(32, 32))).name != "text"


def test_one_map_of_probabilities_is_segmentation_and_so_are_class_scores_over_the_picture(source):
    shares = RANDOM.random((1, 1, SIZE, SIZE)).astype(np.float32)
    assert recognize_task(evidence(source, shares)).name == "segmentation"
    task = recognize_task(evidence(source, normal(1, 7, SIZE // 2, SIZE // 2), class_names=tuple("abcdefg")))
    assert (task.name, task.class_names) == ("segmentation", tuple("abcdefg"))
    assert recognize_task(evidence(source, normal(1, 7, 2, 2))).name == "tensors"


def test_channels_of_different_units_are_no_classes(source):
    mixed = normal(1, 4, SIZE, SIZE) * np.array([0.001, 3, 1, 1], np.float32)[:, None, None]
    assert recognize_task(evidence(source, mixed)).name == "tensors"


def test_maps_with_one_peak_each_are_keypoints(source):
    maps = np.full((1, 17, 16, 12), 0.01, np.float32)
    for point in range(17):
        maps[0, point, point % 16, point % 12] = 1
    assert recognize_task(evidence(source, maps, size=(64, 48))).name == "keypoints"
    areas = np.zeros((1, 17, 16, 12), np.float32)
    areas[:, :, :8] = 1
    assert recognize_task(evidence(source, areas, size=(64, 48))).name == "segmentation"


def test_two_distributions_for_each_point_are_keypoints(source):
    simcc = {"x": normal(1, 17, 2 * 48), "y": normal(1, 17, 2 * 64)}
    assert recognize_task(evidence(source, simcc, size=(64, 48))).name == "keypoints"


def test_a_picture_of_the_same_shape_is_image_to_image(source):
    assert recognize_task(evidence(source, normal(1, 3, 2 * SIZE, 2 * SIZE))).name == "image-to-image"


def test_vectors_of_length_1_are_embeddings_and_vectors_with_as_many_names_are_classes(source):
    vectors = [normal(1, 128) for _ in range(3)]
    units = [vector / np.linalg.norm(vector) for vector in vectors]
    assert recognize_task(evidence(source, *units)).name == "embedding"
    assert recognize_task(evidence(source, *vectors)).name == "classification"
    assert recognize_task(evidence(source, *units, class_names=("x",) * 128)).name == "classification"


def test_a_row_for_each_token_is_an_embedding(tmp_path):
    model = vector_model(tmp_path, inputs="input_ids")
    assert recognize_task(evidence(model, {"hidden": normal(1, 9, 384)})).name == "embedding"


def test_probabilities_that_are_no_classes_are_scores_where_an_operator_makes_them(tmp_path):
    model = vector_model(tmp_path)
    outputs = {"probability": np.array([[0.7]], np.float32), "state": normal(2, 1, 8)}
    assert recognize_task(evidence(model, outputs)).name == "tensors"
    assert recognize_task(evidence(with_operator(model, "Sigmoid"), outputs)).name == "scores"


def test_the_task_that_a_person_chose_is_taken_or_refused(source):
    assert recognize_task(evidence(source, normal(1, 5)), name="tensors").name == "tensors"
    chosen = recognize_task(evidence(source, normal(1, 5)), name="classification", options=TaskOptions(0.3))
    assert chosen.name == "classification"
    with pytest.raises(OptionError, match="not those of the task") as error:
        recognize_task(evidence(source, normal(1, 5)), name="detection")
    assert "y (1, 5)" in error.value.detail

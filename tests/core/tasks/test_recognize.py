from dataclasses import replace

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.common.errors import OptionError
from core.onnx_model.inspect import inspect
from core.onnx_model.source import TensorInfo
from core.preprocessing import Placement
from core.tasks.base import Evidence, TaskOptions
from core.tasks.classification import Classification
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


def test_maps_of_classes_that_are_hardly_there_are_no_points(source):
    """All but two of 21 classes have small peaks, but nowhere the highest score."""
    logits = 0.1 * normal(1, 21, 16, 12)
    for index in range(2, 21):
        logits[0, index] -= 6
        logits[0, index, index % 16, index % 12] += 3
    logits[0, 0, :8] += 5
    logits[0, 1, 8:] += 5
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    for scores in (logits, shares):
        assert recognize_task(evidence(source, scores, size=(64, 48))).name == "segmentation"


def test_heatmaps_with_the_points_last_are_keypoints(source):
    maps = np.full((1, 16, 12, 17), 0.01, np.float32)
    for point in range(17):
        maps[0, point % 16, point % 12, point] = 1
    task = recognize_task(evidence(source, maps, size=(64, 48)))
    points = task.decode({"y": maps}, Placement.identity((64, 48))).points
    assert task.name == "keypoints" and points[3].tolist() == [12.0, 12.0]


def smooth(*shape):
    """Large areas, as in pictures and masks."""
    noise = RANDOM.standard_normal(shape)
    for _ in range(3):
        for axis in (-2, -1):
            noise = sum(np.roll(noise, step, axis) for step in range(-3, 4)) / 7
    return (noise / noise.std()).astype(np.float32)


def picture(channels=3, size=SIZE):
    """The channels of a picture rise and fall together."""
    light, colours = smooth(1, 1, size, size), smooth(1, channels, size, size)
    return np.clip(0.5 + 0.15 * light + 0.05 * colours, 0, 1).astype(np.float32)


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_a_picture_of_the_same_shape_is_image_to_image(source, factor):
    for image in (picture(size=factor * SIZE), 255 * picture(size=factor * SIZE), 2 * picture(size=factor * SIZE) - 1):
        assert recognize_task(evidence(source, image)).name == "image-to-image"
        assert recognize_task(evidence(source, np.moveaxis(image, 1, -1).copy())).name == "image-to-image"


def test_three_classes_that_compete_are_no_picture(source):
    logits = 4 * smooth(1, 3, SIZE, SIZE)
    logits -= logits.mean(axis=1, keepdims=True)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    for scores in (logits, shares):
        task = recognize_task(evidence(source, scores))
        found = task.decode({"y": scores}, Placement.identity((SIZE, SIZE))).classes
        assert task.name == "segmentation" and (found == scores[0].argmax(axis=0)).all()


def test_depth_is_told_from_masks_by_its_range_and_its_name(source):
    depth = 3 + smooth(1, SIZE, SIZE)
    depth -= depth.min()
    named = {"predicted_depth": depth / depth.max()}
    assert [str(recognize_task(evidence(source, each)).reason) for each in (depth, depth[:, None], named)] == [
        "It gives a map of depth."
    ] * 3
    mask = (depth > depth.mean()).astype(np.float32)
    for each in (mask, mask.astype(np.int64), mask.astype(np.int32)[:, ::2, ::2]):  # no rows of objects
        assert recognize_task(evidence(source, each)).name == "segmentation"
    assert recognize_task(evidence(source, depth[:, ::2, ::3])).name == "tensors"


def test_a_grey_model_gives_a_mask_or_a_picture(tmp_path):
    source = inspect(conv_net(tmp_path / "net.onnx"))
    grey = replace(source, inputs=(TensorInfo("input", (1, 1, SIZE, SIZE), "float32"),))
    mask = 1 / (1 + np.exp(-20 * smooth(1, 1, SIZE, SIZE)))
    assert recognize_task(evidence(grey, mask)).name == "segmentation"
    assert recognize_task(evidence(grey, picture(1))).name == "image-to-image"


def test_of_several_maps_of_one_shape_the_first_counts_and_a_pyramid_is_none(source):
    out, aux = normal(1, 21, SIZE, SIZE), normal(1, 21, SIZE, SIZE)
    task = recognize_task(evidence(source, {"out": out, "aux": aux}))
    found = task.decode({"out": out, "aux": aux}, Placement.identity((SIZE, SIZE))).classes
    assert task.name == "segmentation" and (found == out[0].argmax(axis=0)).all()
    pyramid = {"p2": normal(1, 64, 32, 32), "p3": normal(1, 64, 16, 16)}
    assert recognize_task(evidence(source, pyramid)).name == "tensors"


def test_salient_objects_in_seven_maps_are_read_from_the_first(source):
    maps = {f"d{index}": 1 / (1 + np.exp(-20 * smooth(1, 1, SIZE, SIZE))) for index in range(7)}
    task = recognize_task(evidence(source, maps))
    found = task.decode(maps, Placement.identity((SIZE, SIZE))).classes
    assert task.name == "segmentation" and (found == (maps["d0"][0, 0] > 0.5)).all() and task.options.score == 0.5


@pytest.mark.parametrize(
    "characters",
    [("", *"abcdefghijklmno"), tuple("abcdefghijklmno"), ("[blank]", *"abcdefghijklmno"), tuple("abcdefghijklmno\n")],
)
def test_the_blank_may_be_listed_or_not(source, characters):
    names = tuple("" if name == "\n" else name for name in characters)  # a file may end with an empty line
    scores = np.zeros((1, 20, 16), np.float32)
    scores[:, :, 0] = 5
    scores[0, 3, 1] = scores[0, 9, 15] = 9
    task = recognize_task(evidence(source, scores, size=(32, 128), characters=names))
    assert task.decode({"y": scores}, Placement.identity((32, 128))).text == "ao"
    assert "15 characters" in str(task.reason)


@pytest.mark.parametrize("characters", [tuple("abcdefghijklmno"), (*"abcdefghijklmno", "<blank>")])
def test_the_blank_may_be_last(source, characters):
    scores = np.zeros((20, 1, 16), np.float32)
    scores[:, :, 15] = 5
    scores[3, 0, 0] = scores[9, 0, 14] = 9
    task = recognize_task(evidence(source, scores, size=(32, 128), characters=characters))
    assert task.decode({"y": scores}, Placement.identity((32, 128))).text == "ao"


def test_indices_of_characters_are_read_where_the_characters_are_known(source):
    indices = np.array([[0, 1, 1, 0, 3]], np.int64)
    task = recognize_task(evidence(source, indices, characters=("a", "b", "c")))
    assert task.decode({"y": indices}, Placement.identity((32, 128))).text == "ac"


@pytest.mark.parametrize("shape", [(1, 84, 84), (1, 116, 84), (1, 84, 85), (1, 300, 6), (1, 255, 20, 20)])
def test_detectors_are_no_text_maps_or_vectors(source, shape):
    boxes = np.abs(normal(*shape))
    assert recognize_task(evidence(source, boxes, size=(640, 640))).name in (
        "detection",
        "instance-segmentation",
        "scores",
        "tensors",
    )


def test_an_output_of_another_shape_for_each_image_belongs_to_objects_only(source):
    samples = [{"boxes": normal(count, 4), "mask": RANDOM.random((1, 1, SIZE, SIZE))} for count in (3, 0, 5)]
    assert recognize_task(evidence(source, *samples)).name not in ("segmentation", "image-to-image")
    assert recognize_task(evidence(source, *samples), name="segmentation").name == "segmentation"


def test_of_a_fixed_batch_the_first_image_counts(tmp_path):
    source = inspect(conv_net(tmp_path / "net.onnx"))
    batched = replace(source, inputs=(TensorInfo("input", (4, 3, SIZE, SIZE), "float32"),))
    scores = np.repeat(normal(1, 5), 4, axis=0)
    task = recognize_task(evidence(batched, scores))
    prediction = task.decode({"y": scores}, Placement.identity((SIZE, SIZE)))
    assert task.name == "classification" and prediction.ranking[0] == scores[0].argmax()


def test_vectors_of_length_1_are_embeddings_and_vectors_with_as_many_names_are_classes(source):
    vectors = [normal(1, 128) for _ in range(3)]
    units = [vector / np.linalg.norm(vector) for vector in vectors]
    assert recognize_task(evidence(source, *units)).name == "embedding"
    for known in ({"class_names": ("x",) * 128}, {"labels": frozenset(map(str, range(128)))}):
        assert recognize_task(evidence(source, *units, **known)).name == "classification"
        assert recognize_task(evidence(source, *vectors, **known)).name == "classification"


@pytest.mark.parametrize("count", [128, 512, 2048])
def test_classes_and_vectors_of_as_many_numbers_differ_by_a_peak(source, count):
    vectors = [20 * normal(1, count) for _ in range(4)]
    classes = [vector.copy() for vector in vectors]
    for index, scores in enumerate(classes):
        scores[0, 7 * index] = 20 * 6.0  # a trained classifier's best class is at least so far above the others
    features = [np.maximum(vector, 0) for vector in vectors]
    shares = [np.exp(vector / 20) / np.exp(vector / 20).sum() for vector in vectors]
    sigmoids = [1 / (1 + np.exp(-vector / 20)) for vector in vectors]
    found = [recognize_task(evidence(source, *each)).name for each in (vectors, classes, features, shares, sigmoids)]
    assert found == ["embedding", "classification", "embedding", "classification", "classification"]


def test_numbers_that_are_no_usual_count_of_a_vector_are_classes(source):
    assert recognize_task(evidence(source, normal(1, 1000))).name == "classification"


def test_rows_of_an_image_model_are_an_embedding_only_where_they_are_called_so(source):
    assert recognize_task(evidence(source, {"last_hidden_state": normal(1, 50, 192)})).name == "embedding"
    assert recognize_task(evidence(source, normal(1, 50, 192))).name != "embedding"


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


def choose(source, name, output, **known):
    return recognize_task(evidence(source, output, **known), name=name)


def test_what_a_person_chose_need_not_look_like_it(source):
    """Only the shapes must allow it: without the choice these would be something else, or nothing."""
    whole = Placement.identity((SIZE, SIZE))
    vector, points = normal(1, 10), RANDOM.random((1, 12)).astype(np.float32)
    assert choose(source, "embedding", vector).decode({"y": vector}, whole).vector.shape == (10,)
    assert choose(source, "keypoints", points).decode({"y": points}, whole).points.shape == (6, 2)
    maps = normal(1, 4, SIZE // 4, SIZE // 4)
    assert choose(source, "keypoints", maps).decode({"y": maps}, whole).points.shape == (4, 2)
    logits = normal(1, 1, SIZE, SIZE)
    chosen = choose(source, "segmentation", logits).decode({"y": logits}, whole)
    assert (chosen.classes == (logits[0, 0] > 0)).all()
    assert choose(source, "image-to-image", normal(1, 1, 5, 7)).name == "image-to-image"
    steps = normal(1, 9, 40)
    assert choose(source, "text", steps).decode({"y": steps}, whole).characters
    shares = RANDOM.random((1, 3)).astype(np.float32)
    assert choose(source, "scores", shares).decode({"y": shares}, whole).scores == pytest.approx(shares[0])


def test_a_person_may_say_that_numbers_without_an_image_are_classes(tmp_path):
    model = vector_model(tmp_path)
    assert recognize_task(evidence(model, normal(1, 5))).name == "tensors"
    assert recognize_task(evidence(model, normal(1, 5)), name="classification").name == "classification"


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("embedding", (2, 3)),
        ("keypoints", (1, 7)),
        ("segmentation", (1, 4)),
        ("image-to-image", (1, 5)),
        ("text", (1, 5)),
        ("scores", (1, 9)),
        ("classification", (1, 1)),
    ],
)
def test_what_the_shapes_do_not_allow_is_refused(source, name, shape):
    with pytest.raises(OptionError, match="not those of the task"):
        recognize_task(evidence(source, -1 - np.abs(normal(*shape))), name=name)


@pytest.mark.parametrize("shape", [(0, 4), (1, 0, 6), (1, 2, 6), (1, 255, 0, 0), (0,), ()])
def test_outputs_of_any_form_give_some_task(source, shape):
    for outputs in ({"y": normal(*shape)}, {"y": normal(*shape), "map": normal(1, 8, 4, 4)}):
        assert recognize_task(evidence(source, outputs, outputs)).name


def test_outputs_whose_shape_differs_between_samples_give_some_task(source):
    first, second = normal(1, 84, 21), normal(1, 84, 20)
    assert recognize_task(evidence(source, first, second)).name


def test_a_task_that_cannot_decode_the_outputs_is_not_taken(source, monkeypatch):
    def decode(self, outputs, placement):
        raise ValueError("not made for this")

    found = evidence(source, normal(1, CLASSES))
    assert recognize_task(found).name == "classification"
    monkeypatch.setattr(Classification, "decode", decode)
    assert recognize_task(found).name == "tensors"


def test_a_task_that_the_exporter_recorded_is_believed_where_the_outputs_fit(source):
    recorded = replace(source, metadata={**source.metadata, "edgepress.task": "keypoints"})
    assert recognize_task(evidence(recorded, normal(1, 17, SIZE // 4, SIZE // 4))).name == "keypoints"
    assert recognize_task(evidence(recorded, normal(1, CLASSES))).name == "classification"
    nonsense = replace(source, metadata={**source.metadata, "edgepress.task": "[]"})
    assert recognize_task(evidence(nonsense, normal(1, CLASSES))).name == "classification"

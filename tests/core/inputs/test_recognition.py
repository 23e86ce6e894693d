"""A model of single bodies is recognised on whole images with labelled people, which are looked at one by one."""

import json

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from core.decoding import read_picture
from core.inputs.images import read_folder
from core.inputs.infer_preprocessing import infer_preprocessing
from core.inputs.recognition import TaskRequest, for_crops, recognize_from_samples
from core.inputs.samples import image_sample
from core.onnx_model.inspect import inspect
from core.preprocessing import Preprocessing
from core.runtimes.onnx import OnnxPredictor
from core.tasks.objects.recognition import without_score
from small import save

PREPROCESSING = Preprocessing((64, 48), fit="stretch")


def heatmap_model(path, output="output"):
    """The brightness of the image, seventeen times, each moved to another place."""
    weights = np.zeros((17, 3, 20, 20), np.float32)
    for point in range(17):
        row, column = 4 * (point // 5), 4 * (point % 5)
        weights[point, :, row : row + 4, column : column + 4] = 1 / 48
    nodes = [helper.make_node("Conv", ["image", "w"], [output], pads=[8] * 4, strides=[4, 4])]
    inputs = [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 64, 48])]
    outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, [1, 17, 16, 12])]
    return save(nodes, inputs, outputs, [numpy_helper.from_array(weights, "w")], path)


@pytest.fixture
def folder(tmp_path):
    """White images, each with a dark place around a white point, which is labelled as a person."""
    (tmp_path / "images").mkdir()
    images, annotations = [], []
    for number in range(4):
        pixels = np.full((160, 200, 3), 255, np.uint8)
        pixels[40:140, 50:150] = 0
        pixels[86:94, 96:104] = 255
        Image.fromarray(pixels).save(tmp_path / "images" / f"{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "width": 200, "height": 160})
        points = [100, 90, 2] + [0] * 48
        box = {"bbox": [80, 65, 40, 50], "area": 2000, "iscrowd": 0, "keypoints": points, "num_keypoints": 1}
        annotations.append({"id": number, "image_id": number, "category_id": 1, **box})
    categories = [{"id": 1, "name": "person"}]
    data = {"images": images, "annotations": annotations, "categories": categories}
    (tmp_path / "images" / "keypoints.json").write_text(json.dumps(data), encoding="utf-8")
    return tmp_path / "images"


def recognized(path, folder, name=None):
    source, read = inspect(path), read_folder(folder)
    samples = [image_sample(source, PREPROCESSING, read_picture(file), file) for file in read.files]
    return recognize_from_samples(
        source, OnnxPredictor(path), samples, preprocessings=[PREPROCESSING], folder=read, request=TaskRequest(name)
    ).name


def test_labelled_people_are_looked_at_one_by_one(tmp_path, folder):
    path = heatmap_model(tmp_path / "m.onnx")
    assert recognized(path, folder) == "keypoints"
    assert infer_preprocessing(inspect(path), folder).task == "keypoints"
    assert recognized(path, folder, "segmentation") == "segmentation"  # the person's word counts


def test_people_are_looked_for_beyond_the_first_images(tmp_path, folder):
    data = json.loads((folder / "keypoints.json").read_text())
    data["annotations"] = data["annotations"][3:]
    (folder / "keypoints.json").write_text(json.dumps(data))
    source, read = inspect(heatmap_model(tmp_path / "m.onnx")), read_folder(folder)
    samples = [image_sample(source, PREPROCESSING, read_picture(read.files[0]), read.files[0])]
    task = recognize_from_samples(
        source,
        OnnxPredictor(source.path),
        samples,
        preprocessings=[PREPROCESSING],
        folder=read,
        request=TaskRequest(),
    )
    assert task.name == "keypoints" and task.point_count == 17


def test_what_is_cut_out_is_not_cut_off_once_more(tmp_path, folder):
    proposal = infer_preprocessing(inspect(heatmap_model(tmp_path / "m.onnx")), folder)
    assert proposal.preprocessing.fit != "crop"
    assert for_crops(Preprocessing((64, 48))).fit == "stretch" and for_crops(PREPROCESSING) is PREPROCESSING


def test_without_labels_whole_images_are_all_there_is(tmp_path, folder):
    (folder / "keypoints.json").unlink()
    assert recognized(heatmap_model(tmp_path / "m.onnx"), folder) == "segmentation"


def test_maps_that_are_called_heatmaps_are_taken_at_their_word(tmp_path, folder):
    (folder / "keypoints.json").unlink()
    assert recognized(heatmap_model(tmp_path / "m.onnx", "heatmaps"), folder) == "keypoints"


def brightness_detector(path):
    """A model that writes boxes as YOLOv8 does: one object, whose score is the brightness of the image."""
    cells = [(x + 0.5, y + 0.5, 2, 2) for side in (8, 4, 2) for y in range(side) for x in range(side)]
    strides = np.repeat([8, 16, 32], [64, 16, 4])
    boxes = (np.array(cells) * strides[:, np.newaxis]).T[np.newaxis].astype(np.float32)
    is_object = np.zeros((1, 2, 84), np.float32)
    is_object[0, 0, 0] = 1.0
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], axes=[2, 3], keepdims=1),
        helper.make_node("ReduceMean", ["mean"], ["brightness"], axes=[1, 3], keepdims=0),
        helper.make_node("Mul", ["is_object", "brightness"], ["scores"]),
        helper.make_node("Concat", ["boxes", "scores"], ["output0"], axis=1),
    ]
    inputs = [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 64, 64])]
    outputs = [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 6, 84])]
    weights = [numpy_helper.from_array(boxes, "boxes"), numpy_helper.from_array(is_object, "is_object")]
    return save(nodes, inputs, outputs, weights, path)


def recognized_by_brightness(tmp_path, *brightness, **request):
    source, scale = inspect(brightness_detector(tmp_path / "m.onnx")), Preprocessing((64, 64), std=(255, 255, 255))
    files = [tmp_path / f"{number}.png" for number in range(len(brightness))]
    images = [Image.new("RGB", (64, 64), (round(255 * each),) * 3) for each in brightness]
    samples = (image_sample(source, scale, image, file) for image, file in zip(images, files, strict=True))
    return recognize_from_samples(
        source,
        OnnxPredictor(source.path),
        samples,
        preprocessings=[scale],
        folder=None,
        request=TaskRequest("detection", **request),
    )


def test_the_threshold_of_a_detector_is_lowered_only_if_no_image_reaches_it(tmp_path):
    dark = (0.06,) * 10
    unsure, sure = recognized_by_brightness(tmp_path, *dark), recognized_by_brightness(tmp_path, *dark, 0.9)
    assert unsure.score == 0.05 and "Nothing in the pictures that were looked at" in str(unsure.reason)
    assert sure.score == sure.usual_score and "Nothing in the pictures" not in str(sure.reason)
    chosen = recognized_by_brightness(tmp_path, *dark, score=0.3)
    assert chosen.score == 0.3 and "Nothing in the pictures" not in str(chosen.reason)
    assert without_score(unsure.reason) == sure.reason == without_score(sure.reason)


def test_nothing_is_said_of_pictures_where_there_are_none(tmp_path):
    found = infer_preprocessing(inspect(brightness_detector(tmp_path / "m.onnx")), request=TaskRequest("detection"))
    assert found.task == "detection" and "pictures" not in str(found.task_reason)

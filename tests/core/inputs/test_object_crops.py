from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from core.common.progress import silent
from core.conversion.context import ConversionContext
from core.inputs.images import read_folder, split
from core.inputs.labels_for_task import with_labels_for
from core.inputs.object_crops import CropRule, count_crops, object_crops
from core.onnx_model.inspect import inspect
from core.preprocessing import Preprocessing
from core.tasks.predictions import ClassTruth, ObjectTruth
from people import HEIGHT, WIDTH, labelled
from small import SIZE, conv_net


def people(*boxes, visible=2, crowd=()):
    """A truth with a point in the middle of each box."""
    table = np.array(boxes, np.float32).reshape(-1, 4)
    points = np.zeros((len(table), 3, 3), np.float32)
    points[:, 0, :2] = (table[:, :2] + table[:, 2:]) / 2
    points[:, 0, 2] = visible
    crowds = np.array([index in crowd for index in range(len(table))], np.bool_)
    areas = (table[:, 2] - table[:, 0]) * (table[:, 3] - table[:, 1])
    return ObjectTruth(table, ("person",) * len(table), crowds, areas, keypoints=points)


def gradient():
    """Red is x, green is y."""
    rows, columns = np.indices((HEIGHT, WIDTH)).astype(np.uint8)
    return Image.fromarray(np.stack([columns, rows, np.full_like(rows, 200)], axis=2))


@pytest.mark.parametrize("size", [(64, 48), (48, 64), (32, 32)])
def test_a_crop_has_the_models_proportions_and_the_box_in_its_middle(size):
    ((crop, truth),) = object_crops(gradient(), people((40, 30, 60, 60)), size=size)
    assert crop.width / crop.height == pytest.approx(size[1] / size[0], rel=0.05)
    assert crop.width >= 20 * 1.25 - 1 and crop.height >= 30 * 1.25 - 1
    x1, y1, x2, y2 = truth.boxes[0]
    assert (x1 + x2) / 2 == pytest.approx(crop.width / 2, abs=1) and (y1 + y2) / 2 == pytest.approx(
        crop.height / 2, abs=1
    )


def test_points_of_the_crop_are_on_the_same_pixels():
    ((crop, truth),) = object_crops(gradient(), people((40, 30, 60, 60)), size=(64, 48))
    x, y = truth.keypoints[0, 0, :2]
    assert crop.getpixel((int(x), int(y))) == (50, 45, 200)
    assert truth.keypoints[0, :, 2].tolist() == [2, 0, 0]


def test_what_lies_outside_the_image_is_black():
    ((crop, truth),) = object_crops(gradient(), people((0, 0, 60, 20)), size=(64, 64))
    assert crop.size == (75, 75) and crop.getpixel((0, 0)) == (0, 0, 0)
    assert truth.boxes[0].tolist() == pytest.approx([8, 28, 68, 48], abs=1)


def test_groups_and_objects_without_points_are_no_samples():
    assert len(list(object_crops(gradient(), people((0, 0, 9, 9), (5, 5, 20, 20), crowd=(0,)), size=(8, 8)))) == 1
    assert not list(object_crops(gradient(), people((0, 0, 9, 9), visible=0), size=(8, 8)))
    assert not list(object_crops(gradient(), ClassTruth("cat"), size=(8, 8)))
    assert not list(object_crops(gradient(), None, size=(8, 8)))


def test_large_crops_are_scaled_down_with_their_truth():
    pixels = np.zeros((1500, 4000, 3), np.uint8)
    pixels[700:800, 1900:2100] = 255
    ((crop, truth),) = object_crops(Image.fromarray(pixels), people((0, 0, 4000, 1500)), size=(64, 48))
    assert max(crop.size) == 1024 and crop.width / crop.height == pytest.approx(48 / 64, rel=0.01)
    x, y = truth.keypoints[0, 0, :2]
    assert crop.getpixel((int(x), int(y))) == (255, 255, 255)
    scale = 1024 / (4000 * 1.25 * 64 / 48)
    assert truth.areas[0] == pytest.approx(4000 * 1500 * scale**2, rel=0.01)
    assert truth.boxes[0][2] - truth.boxes[0][0] == pytest.approx(4000 * scale, rel=0.01)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1", "CMYK"])
def test_images_of_every_mode_are_cut_on_black(mode):
    image = Image.new("RGB", (WIDTH, HEIGHT), (255, 255, 255)).convert(mode)
    ((crop, _),) = object_crops(image, people((0, 0, 60, 20)), size=(64, 64))
    assert crop.mode == "RGB" and crop.getpixel((0, 0)) == (0, 0, 0) and crop.getpixel((40, 40)) == (255, 255, 255)


def test_objects_with_other_points_than_the_models_are_no_samples():
    mixed = replace(people((0, 0, 30, 30), (40, 0, 70, 30), (50, 20, 90, 60)), point_counts=(3, 2, 3))
    crops = list(object_crops(gradient(), mixed, size=(8, 8), rule=CropRule(points=2)))
    assert len(crops) == 1 and crops[0][1].keypoints.shape == (1, 2, 3)
    assert len(list(object_crops(gradient(), mixed, size=(8, 8), rule=CropRule(points=3, most=1)))) == 1
    assert not list(object_crops(gradient(), mixed, size=(8, 8), rule=CropRule(points=17)))


def context_of(tmp_path, task, counts):
    folder = read_folder(labelled(tmp_path / "images", counts))
    parts = with_labels_for(task, split(folder), folder)
    source = inspect(conv_net(tmp_path / "net.onnx"))
    return ConversionContext(source, Preprocessing((SIZE, SIZE)), split=parts, folder=tmp_path / "work")


def test_of_keypoint_models_each_labelled_object_is_a_sample(tmp_path):
    context = context_of(tmp_path, "keypoints", [3, 2, 0, 1])
    samples = list(context.test_samples())
    expected = [count for count in (3, 2, 0, 1) for _ in range(count)]
    calibrated = len(context.split.calibration)
    assert len(samples) == context.test_sample_count == count_crops(context.split.labels, context.split.test)
    assert len(samples) + count_crops(context.split.labels, context.split.calibration) == len(expected)
    assert all(len(sample.truth.boxes) == 1 and sample.image.size != (WIDTH, HEIGHT) for sample in samples)
    assert calibrated == 2 and len(list(context.calibration_feeds(silent))) == context.calibration_count
    assert any("cut out of its picture" in str(note) for note in context.notes)


@pytest.mark.parametrize(("task", "counts"), [("pose", [3, 2, 1, 1]), ("keypoints", [0, 0, 0, 0])])
def test_of_others_and_without_people_each_image_is_one(tmp_path, task, counts):
    context = context_of(tmp_path, task, counts)
    samples = list(context.test_samples())
    assert len(samples) == context.test_sample_count == 2 and not context.notes
    assert all(sample.image.size == (WIDTH, HEIGHT) for sample in samples)


def test_where_only_the_test_folder_shows_people_calibration_uses_whole_images(tmp_path):
    calibration = read_folder(labelled(tmp_path / "a", [0, 0]))
    test = read_folder(labelled(tmp_path / "b", [1, 2, 3]))
    parts = with_labels_for("keypoints", split(calibration, test), test, calibration)
    assert parts.crop and parts.calibration_crop is None
    source = inspect(conv_net(tmp_path / "net.onnx"))
    context = ConversionContext(source, Preprocessing((SIZE, SIZE)), split=parts, folder=tmp_path / "work")
    assert (
        len(list(context.test_samples())) == context.test_sample_count == 3
        and len(list(context.calibration_feeds(silent))) >= 2
    )
    assert any("used as a whole" in str(note) for note in context.notes)


def test_many_objects_in_few_images_do_not_become_more_samples_than_images_would(tmp_path):
    folder = read_folder(labelled(tmp_path / "images", [5, 5, 5, 5]))
    with_limits = with_labels_for("keypoints", split(folder), folder)
    assert with_limits.calibration_crop.most == 50 and with_limits.crop.most == 500
    assert count_crops(with_limits.labels, with_limits.test, CropRule(most=2)) == 4

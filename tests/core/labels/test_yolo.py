import numpy as np
import pytest
from pycocotools import mask as coco_mask

from core.common.errors import ImagesError
from labelled_pictures import labels_of, picture, problem_texts, write

BOX = "0 0.5 0.5 0.2 0.4\n"  # of 100 x 50 pixels: 40, 15, 60, 35


def test_boxes_in_labels_parallel_to_images_from_the_root_and_from_a_part(tmp_path):
    file = picture(tmp_path / "images" / "val" / "1.jpg")
    picture(tmp_path / "images" / "train" / "1.jpg")
    write(tmp_path / "labels" / "val" / "1.txt", BOX + "1 0.1 0.2 0.2 0.4\n")
    write(tmp_path / "labels" / "train" / "1.txt", "")
    write(tmp_path / "data.yaml", "train: images/train\nnames:\n  0: person\n  1: no\n")
    for folder in (tmp_path, tmp_path / "images", file.parent):
        labels = labels_of(folder)
        truth = labels.truth(file)
        np.testing.assert_allclose(truth.boxes, [[40, 15, 60, 35], [0, 0, 20, 20]], atol=1e-5)
        assert truth.labels == ("person", "no") and labels.class_names == ("person", "no")
        assert truth.masks is None and not labels.has_keypoints and labels.problems == ()
    assert str(labels.description) == "Right answers known: boxes of 1 picture (YOLO, data.yaml, 2 classes)"
    assert len(labels_of(tmp_path).truth(tmp_path / "images" / "train" / "1.jpg").boxes) == 0


@pytest.mark.parametrize("path", ["pics/1.txt", "pics/labels/1.txt", "labels/1.txt"])
def test_label_files_lie_beside_the_pictures_or_near_them(tmp_path, path):
    file = picture(tmp_path / "pics" / "1.jpg")
    write(tmp_path / path, BOX)
    assert labels_of(file.parent).truth(file).labels == ("0",)


def test_the_layout_with_images_below_each_part_is_known(tmp_path):
    file = picture(tmp_path / "valid" / "images" / "1.jpg")
    write(tmp_path / "valid" / "labels" / "1.txt", BOX)
    write(tmp_path / "data.yaml", "nc: 1\nnames: ['cat']\n")
    assert labels_of(file.parent).truth(file).labels == labels_of(tmp_path).truth(file).labels == ("cat",)


def test_names_come_from_classes_txt_where_there_is_no_yaml_file(tmp_path):
    file = picture(tmp_path / "1.jpg")
    write(tmp_path / "1.txt", BOX)
    write(tmp_path / "classes.txt", "cat\ndog\n")
    assert labels_of(tmp_path).truth(file).labels == ("cat",)


def test_polygons_and_rotated_boxes_have_masks_and_the_box_around_them(tmp_path):
    file = picture(tmp_path / "1.jpg")
    write(tmp_path / "1.txt", "0 0.1 0.2 0.3 0.2 0.3 0.6 0.1 0.6\n2 0.5 0.2 0.6 0.4 0.5 0.6\n")
    labels = labels_of(tmp_path)
    truth = labels.truth(file)
    np.testing.assert_allclose(truth.boxes, [[10, 10, 30, 30], [50, 10, 60, 30]], atol=1e-5)
    square = np.zeros((50, 100), np.uint8)
    square[10:30, 10:30] = 1
    np.testing.assert_array_equal(coco_mask.decode(truth.masks[0]), square)
    assert truth.areas[0] == 400 and "outlines" in str(labels.description)


def test_a_picture_in_which_one_object_has_no_outline_counts_by_its_boxes(tmp_path):
    file = picture(tmp_path / "1.jpg")
    write(tmp_path / "1.txt", BOX + "2 0.5 0.2 0.6 0.4 0.5 0.6\n")
    labels = labels_of(tmp_path)
    assert labels.truth(file).masks is None and "by its boxes only" in problem_texts(labels)


@pytest.mark.parametrize(("shape", "numbers"), [("[2, 3]", "0.2 0.4 2 0 0 0"), ("[2, 2]", "0.2 0.4 0 0")])
def test_keypoints_are_read_by_the_shape_in_the_yaml_file(tmp_path, shape, numbers):
    file = picture(tmp_path / "1.jpg")
    write(tmp_path / "1.txt", f"0 0.5 0.5 0.2 0.4 {numbers}\n")
    write(tmp_path / "pose.yaml", f"names: {{0: person}}\nkpt_shape: {shape}\n")
    labels = labels_of(tmp_path)
    np.testing.assert_allclose(labels.truth(file).keypoints, [[[20, 20, 2], [0, 0, 0]]], atol=1e-5)
    assert labels.has_keypoints and labels.truth(file).masks is None


def test_keypoints_with_visibilities_are_known_without_a_yaml_file(tmp_path):
    file = picture(tmp_path / "1.jpg")
    write(tmp_path / "1.txt", "0 0.5 0.5 0.2 0.4 " + "0.2 0.4 1 " * 5 + "\n")
    assert labels_of(tmp_path).truth(file).keypoints.shape == (1, 5, 3)


def test_boxes_are_in_the_pixels_of_the_upright_picture(tmp_path):
    file = picture(tmp_path / "1.jpg", (100, 50), orientation=6)  # seen as 50 x 100
    write(tmp_path / "1.txt", BOX)
    np.testing.assert_allclose(labels_of(tmp_path).truth(file).boxes, [[20, 30, 30, 70]], atol=1e-5)


def test_bad_lines_are_left_out_and_counted(tmp_path):
    for name in "abc":
        picture(tmp_path / f"{name}.jpg")
        write(tmp_path / f"{name}.txt", BOX)
    lines = [
        BOX.strip(),
        BOX.strip(),
        "0 0.5",
        "0 nan 0.5 0.1 0.1",
        "0 inf 0.5 0.1 0.1",
        "-1 0.5 0.5 0.1 0.1",
        "x y z a b",
    ]
    lines += ["0.5 0.5 0.5 0.1 0.1", "9 0.5 0.5 0.1 0.1", "0 0.5 0.5 0 0.1", "0 1.5 0.5 0.1 0.1", "0 0.95 0.5 0.2 0.4"]
    write(tmp_path / "a.txt", "\n".join(lines))
    write(tmp_path / "classes.txt", "cat\n")
    labels = labels_of(tmp_path)
    np.testing.assert_allclose(labels.truth(tmp_path / "a.jpg").boxes, [[40, 15, 60, 35], [85, 15, 100, 35]], atol=1e-4)
    said = problem_texts(labels)
    assert "6 lines or entries" in said and "(a.txt, line 3)" in said and "1 label that occurs twice" in said
    assert "1 object of a class" in said and "1 box without" in said and "1 box lies outside" in said
    assert "1 box reached over the edge" in said


def test_a_label_file_that_is_no_text_costs_one_picture(tmp_path):
    for name in "abc":
        picture(tmp_path / f"{name}.jpg")
        write(tmp_path / f"{name}.txt", BOX)
    (tmp_path / "b.txt").write_bytes(b"\xff\xfe\x00")
    labels = labels_of(tmp_path)
    assert labels.truth(tmp_path / "b.jpg") is None and "1 picture has no usable label" in problem_texts(labels)
    assert len(labels.truth(tmp_path / "a.jpg").boxes) == 1


def test_labels_in_pixels_instead_of_shares_are_refused_with_file_and_line(tmp_path):
    picture(tmp_path / "images" / "1.jpg")
    write(tmp_path / "labels" / "1.txt", "\n0 50 25 20 20\n")
    with pytest.raises(ImagesError, match=r"1\.txt.* line 2"):
        labels_of(tmp_path / "images")


def test_links_that_lead_out_of_the_folder_are_not_followed(tmp_path):
    file = picture(tmp_path / "set" / "pictures" / "1.jpg")
    secret = write(tmp_path / "elsewhere" / "1.txt", BOX)
    (file.parent / "1.txt").symlink_to(secret)
    (file.parent / "labels").symlink_to(secret.parent)
    assert labels_of(file.parent) is None


def test_a_yaml_file_that_makes_objects_or_nests_too_deeply_is_passed_over(tmp_path):
    file = picture(tmp_path / "1.jpg")
    write(tmp_path / "1.txt", BOX)
    write(tmp_path / "a.yaml", "[" * 50_000)
    write(tmp_path / "b.yaml", "names: !!python/object/apply:os.system ['exit 1']\n")
    write(tmp_path / "c.yaml", "a: &a [x, x]\nb: &b [*a, *a]\nnames: [*b, *b]\n")
    assert labels_of(tmp_path).truth(file).labels != ()

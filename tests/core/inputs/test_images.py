import shutil

import pytest
from PIL import Image

from core.common.errors import ImagesError
from core.decoding import read_picture
from core.inputs.images import MAX_CALIBRATION_SAMPLES, ImageReader, read_folder, split
from core.tasks.predictions import ClassTruth
from small import pictures


def test_calibration_and_test_never_share_an_image(tmp_path):
    parts = split(read_folder(pictures(tmp_path / "a", 21)))
    assert not set(parts.calibration) & set(parts.test)
    assert len(parts.calibration) == 11 and len(parts.test) == 10


def test_the_same_image_under_two_names_is_used_once(tmp_path):
    folder = pictures(tmp_path / "a", 6)
    for path in sorted(folder.iterdir())[:3]:
        shutil.copy(path, folder / f"copy-{path.name}")
    parts = split(read_folder(folder))
    contents = [path.read_bytes() for path in (*parts.calibration, *parts.test)]
    assert len(contents) == len(set(contents)) == 6 and parts.duplicates == 3


def test_test_images_that_are_calibration_images_are_left_out(tmp_path):
    images, tests = pictures(tmp_path / "a", 5), pictures(tmp_path / "b", 8)  # the first five are the same
    parts = split(read_folder(images), read_folder(tests))
    assert len(parts.calibration) == 5 and len(parts.test) == 3 and parts.duplicates == 5


def test_calibration_images_are_spread_over_a_large_folder(tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    for index in range(500):
        (folder / f"{index:03d}.png").write_bytes(bytes([index % 256, index // 256]))
    parts = split(read_folder(folder))
    assert len(parts.calibration) == MAX_CALIBRATION_SAMPLES
    assert parts.calibration[-1].name > "490.png"


def test_labels_come_from_a_csv_file(tmp_path):
    folder = pictures(tmp_path, 3)
    (folder / "labels.csv").write_text("﻿file,label\n000.png,7\n002.png,cat\n", encoding="utf-8")
    images = read_folder(folder)
    labels = {path.name: images.labels.truth(path) for path in images.files}
    assert labels == {"000.png": ClassTruth("7"), "001.png": None, "002.png": ClassTruth("cat")}
    assert images.labels.labels == {"7", "cat"}


def test_labels_come_from_class_folders(tmp_path):
    pictures(tmp_path / "cat", 2)
    pictures(tmp_path / "狗", 2, seed=1)
    images = read_folder(tmp_path)
    assert images.labels.class_names == ("cat", "狗") and images.labels.count == 4
    assert all(images.labels.truth(path) == ClassTruth(path.parent.name) for path in images.files)


def test_masks_are_labels_and_no_samples(tmp_path):
    pictures(tmp_path / "images", 3)
    (tmp_path / "masks").mkdir()
    for index in range(3):
        Image.new("L", (48, 40), index).save(tmp_path / "masks" / f"{index:03d}.png")
    images = read_folder(tmp_path)
    assert {path.parent.name for path in images.files} == {"images"} and len(images.files) == 3
    assert [int(images.labels.truth(path).classes[0, 0]) for path in images.files] == [0, 1, 2]


def test_a_split_has_the_labels_of_the_folder_with_its_test_samples(tmp_path):
    pictures(tmp_path / "a" / "cat", 2)
    pictures(tmp_path / "a" / "dog", 2, seed=1)
    one, other = read_folder(tmp_path / "a"), read_folder(pictures(tmp_path / "b", 2, seed=2))
    assert split(one).labels is one.labels and split(other, one).labels is one.labels
    assert split(other).labels is None


def test_a_labels_file_without_the_right_columns_is_a_readable_error(tmp_path):
    (pictures(tmp_path, 1) / "labels.csv").write_text("a;b\n1;2\n", encoding="utf-8")
    with pytest.raises(ImagesError, match="labels"):
        read_folder(tmp_path)


def test_a_broken_image_among_good_ones_is_skipped_and_recorded(tmp_path):
    folder = pictures(tmp_path, 4, suffix=".jpg")
    good = (folder / "001.jpg").read_bytes()
    (folder / "001.jpg").write_bytes(good[: len(good) // 2])
    (folder / "text.jpg").write_text("this is no image")
    reader = ImageReader()
    read = [path.name for path, _ in reader.read(read_folder(folder).files)]
    assert read == ["000.jpg", "002.jpg", "003.jpg"]
    assert {path.name for path in reader.skipped} == {"001.jpg", "text.jpg"}


def test_an_image_that_expands_to_a_huge_one_is_not_decoded(tmp_path):
    Image.new("1", (20_000, 20_000)).save(tmp_path / "bomb.png")
    with pytest.raises(ImagesError):
        read_picture(tmp_path / "bomb.png")


def test_exif_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (30, 20)).save(tmp_path / "side.jpg", exif=exif)
    assert read_picture(tmp_path / "side.jpg").size == (20, 30)


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir(), lambda path: path.write_text("x")])
def test_a_folder_without_images_is_a_readable_error(tmp_path, make):
    make(tmp_path / "folder")
    with pytest.raises(ImagesError) as caught:
        read_folder(tmp_path / "folder")
    assert "folder" in str(caught.value.reason) and str(caught.value.next_step)

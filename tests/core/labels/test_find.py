import shutil

import numpy as np
import pytest
from PIL import Image

from core.common.errors import ImagesError
from core.labels import find, reading
from core.labels.find import find_labels
from core.tasks.predictions import ClassTruth
from labelled_pictures import labels_of, picture, problem_texts, write

COCO = {
    "images": [{"id": 1, "file_name": "1.jpg"}, {"id": 2, "file_name": "2.jpg"}],
    "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}],
    "categories": [{"id": 1, "name": "cat"}],
}
VOC = "<annotation></annotation>"


@pytest.fixture
def everything(tmp_path):
    """Labels in every format: class folders, labels.csv, COCO, YOLO, VOC, masks, text."""
    for name, folder in (("1", "cat"), ("2", "dog")):
        picture(tmp_path / folder / f"{name}.jpg")
        write(tmp_path / "labels" / folder / f"{name}.txt", "0 0.5 0.5 0.2 0.2\n")
        write(tmp_path / "Annotations" / folder / f"{name}.xml", VOC)
        (tmp_path / "masks" / folder).mkdir(parents=True)
        Image.fromarray(np.full((50, 100), 2, np.uint8)).save(tmp_path / "masks" / folder / f"{name}.png")
    write(tmp_path / "labels.csv", "file,label\ncat/1.jpg,x\ndog/2.jpg,y\n")
    write(tmp_path / "coco.json", COCO)
    write(tmp_path / "gt.txt", "1.jpg\tone\n2.jpg\ttwo\n")
    return tmp_path


def test_of_several_formats_the_first_in_order_is_taken(everything):
    order = [
        ("labels.csv", everything / "labels.csv"),
        ("COCO", everything / "coco.json"),
        ("YOLO", everything / "labels"),
        ("Pascal VOC", everything / "Annotations"),
        ("masks/", everything / "masks"),
        ("gt.txt", everything / "gt.txt"),
    ]
    for words, path in order:
        assert words in str(labels_of(everything).description)
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert "folders" in str(labels_of(everything).description)


@pytest.mark.parametrize("kind", ["classes", "objects", "masks", "text"])
def test_the_kind_that_is_preferred_is_taken_where_there_is_any(everything, kind):
    assert labels_of(everything, prefer=kind).kind == kind
    assert labels_of(everything, prefer="keypoints").kind == "objects"
    (everything / "gt.txt").unlink()
    assert labels_of(everything, prefer="text").kind == "classes"


def test_a_stray_label_file_for_one_picture_of_many_does_not_win(tmp_path):
    for index in range(6):
        picture(tmp_path / f"{index}.jpg")
        write(tmp_path / f"{index}.txt", "0 0.5 0.5 0.2 0.2\n")
    write(tmp_path / "coco.json", COCO | {"images": COCO["images"][:1]})
    assert labels_of(tmp_path).count == 6


def test_pictures_without_anything_have_no_labels(tmp_path):
    picture(tmp_path / "1.jpg")
    write(tmp_path / "notes.txt", "shopping list\n")
    write(tmp_path / "package.json", {"name": "x"})
    write(tmp_path / "settings.yaml", "a: 1\n")
    assert labels_of(tmp_path) is None


def test_arrays_have_labels_from_a_table_or_class_folders_only(tmp_path):
    files = [tmp_path / name / "1.npy" for name in ("a", "b")]
    for path in files:
        path.parent.mkdir()
        np.save(path, np.zeros(3))
    assert find_labels(tmp_path, files).truth(files[1]) == ClassTruth("b")
    write(tmp_path / "labels.csv", "file,label\na/1.npy,7\n")
    assert find_labels(tmp_path, files).truth(files[0]) == ClassTruth("7")


def test_the_folder_may_be_given_as_a_relative_path_and_through_a_link(tmp_path, monkeypatch):
    file = picture(tmp_path / "set" / "images" / "1.jpg")
    write(tmp_path / "set" / "labels" / "1.txt", "0 0.5 0.5 0.2 0.2\n")
    (tmp_path / "link").symlink_to(file.parent)
    monkeypatch.chdir(file.parent)
    for folder in (
        tmp_path / "link",
        file.parent.relative_to(file.parent),
        tmp_path / "set" / "labels" / ".." / "images",
    ):
        labels = find_labels(folder, [folder / "1.jpg"])
        assert len(labels.truth(folder / "1.jpg").boxes) == 1


def test_files_that_are_too_large_are_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MAX_TABLE_BYTES", 1000)
    picture(tmp_path / "1.jpg")
    write(tmp_path / "coco.json", " " * 2000)
    with pytest.raises(ImagesError, match=r"coco\.json.*too large"):
        labels_of(tmp_path)


def test_a_damaged_json_file_above_the_folder_counts_only_if_its_name_speaks_of_labels(tmp_path):
    file = picture(tmp_path / "pics" / "1.jpg")
    write(tmp_path / "settings.json", "{")
    assert labels_of(file.parent) is None
    write(tmp_path / "labels.json", "{")
    with pytest.raises(ImagesError, match=r"labels\.json"):
        labels_of(file.parent)


def test_not_more_json_files_are_read_than_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(find, "_MOST_JSON_FILES", 2)
    picture(tmp_path / "1.jpg")
    for index in range(3):
        write(tmp_path / f"{index}.json", "{}" if index < 2 else COCO)
    assert labels_of(tmp_path) is None


def test_one_damaged_format_beside_a_good_one_is_said(tmp_path):
    picture(tmp_path / "1.jpg")
    write(tmp_path / "1.txt", "0 0.5 0.5 0.2 0.2\n")
    write(tmp_path / "1.xml", "<annotation>")
    labels = labels_of(tmp_path)
    assert labels.kind == "objects" and "1 other label file was not used" in problem_texts(labels)

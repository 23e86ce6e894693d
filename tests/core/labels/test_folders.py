import pytest

from core.tasks.predictions import ClassTruth
from labelled_pictures import labels_of, picture


def test_folders_are_classes_in_alphabetical_order(tmp_path):
    files = [picture(tmp_path / name / "sub" / "1.jpg") for name in ("dog", "cat", "狗")]
    labels = labels_of(tmp_path)
    assert (
        labels.kind == "classes"
        and labels.class_names == ("cat", "dog", "狗")
        and labels.labels == {"cat", "dog", "狗"}
    )
    assert [labels.truth(path) for path in files] == [ClassTruth("dog"), ClassTruth("cat"), ClassTruth("狗")]
    assert str(labels.description) == "Right answers known: classes of 3 pictures (folders, 3 classes)"


def test_parts_of_a_data_set_are_no_classes_but_the_folders_in_them_are(tmp_path):
    for part in ("train", "val", "Test2017"):
        file = picture(tmp_path / part / "images" / "cat" / "1.jpg")
        picture(tmp_path / part / "images" / "dog" / "1.jpg")
    assert labels_of(tmp_path).labels == {"cat", "dog"} and labels_of(tmp_path).truth(file) == ClassTruth("cat")


@pytest.mark.parametrize(
    "names",
    [
        ("train/1.jpg", "val/1.jpg"),
        ("images/1.jpg", "calibration/1.jpg"),
        ("cat/1.jpg", "cat/2.jpg"),
        ("cat/1.jpg", "1.jpg"),
    ],
)
def test_pictures_that_do_not_lie_in_several_class_folders_have_no_label(tmp_path, names):
    for name in names:
        picture(tmp_path / name)
    assert labels_of(tmp_path) is None

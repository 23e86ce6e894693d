"""What is read of a list of pictures that somebody changed."""

import pytest

from core.common.paths import is_file
from core.report.gallery_entries import GalleryEntry, read_entries


@pytest.mark.parametrize("kind", [{}, [], {"a": 1}, 5, None])
def test_a_prediction_of_a_kind_that_is_no_name_is_left_out(kind):
    good = {"file": "a.png", "picture": "a.webp", "source": {"kind": "classes", "label": "1"}}
    entries = read_entries([{**good, "source": {"kind": kind}}, good], [])
    assert [entry.source["kind"] for entry in entries] == ["classes"]


@pytest.mark.parametrize("name", ["", "x" * 5000, "a\0b", "图" * 100])
def test_a_name_that_no_system_takes_is_a_picture_that_is_missing(name, tmp_path):
    assert not is_file(GalleryEntry("a.png", name).picture_in(tmp_path))
    assert GalleryEntry("a.png", "../0001.webp").picture_in(tmp_path) == tmp_path / "0001.webp"


@pytest.mark.parametrize(
    ("label", "shown"),
    [("1", "dog (1)"), ("dog", "dog"), ("2", "2"), ("1234567", "1234567"), ("٣", "٣"), (None, None)],
)
def test_a_label_that_is_an_index_is_shown_with_its_name(label, shown):
    assert GalleryEntry("a.jpg", "a.jpg", truth=label).right_answer(["cat", "dog"]) == shown


def test_a_class_that_is_called_by_a_number_keeps_it():
    assert GalleryEntry("a.jpg", "a.jpg", truth="1").right_answer(["1", "0"]) == "1"

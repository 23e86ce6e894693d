import numpy as np
import pytest

from core.common.errors import ImagesError
from labelled_pictures import labels_of, picture, problem_texts, write


def annotation(*objects, size=(100, 50), head=""):
    parts = [
        f"<object><name>{name}</name>{more}<bndbox><xmin>{box[0]}</xmin><ymin>{box[1]}</ymin>"
        f"<xmax>{box[2]}</xmax><ymax>{box[3]}</ymax></bndbox></object>"
        for name, box, more in objects
    ]
    declared = f"<size><width>{size[0]}</width><height>{size[1]}</height></size>"
    return f"<annotation>{head}{declared}{''.join(parts)}</annotation>"


CAT = ("cat", (10, 5, 40, 25), "")


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("JPEGImages/1.jpg", "Annotations/1.xml"),
        ("images/1.jpg", "annotations/1.xml"),
        ("images/1.jpg", "images/1.xml"),
    ],
)
def test_boxes_are_read_beside_the_pictures_and_from_annotations(tmp_path, image, label):
    file = picture(tmp_path / image)
    write(tmp_path / label, annotation(CAT, ("dog", (0, 0, 5, 5), "<difficult>1</difficult>")))
    for folder in (tmp_path, file.parent):
        labels = labels_of(folder)
        truth = labels.truth(file)
        np.testing.assert_array_equal(truth.boxes, [[10, 5, 40, 25], [0, 0, 5, 5]])
        assert truth.labels == ("cat", "dog") and truth.crowd.tolist() == [False, True]
        assert "Pascal VOC" in str(labels.description) and labels.kind == "objects"


def test_vocs_own_boxes_count_pixels_from_1_and_include_the_last(tmp_path):
    file = picture(tmp_path / "1.jpg")
    head = "<folder>VOC2007</folder><source><database>The VOC2007 Database</database></source>"
    write(tmp_path / "1.xml", annotation(("cat", (1, 1, 100, 50), ""), head=head))
    np.testing.assert_array_equal(labels_of(tmp_path).truth(file).boxes, [[0, 0, 100, 50]])


def test_boxes_on_the_stored_pixels_are_turned_with_the_picture(tmp_path):
    file = picture(tmp_path / "1.jpg", (100, 50), orientation=6)
    write(tmp_path / "1.xml", annotation(CAT))
    np.testing.assert_array_equal(labels_of(tmp_path).truth(file).boxes, [[25, 10, 45, 40]])


def test_objects_without_a_box_or_a_name_are_left_out(tmp_path):
    file = picture(tmp_path / "1.jpg")
    text = annotation(CAT, ("", (1, 1, 2, 2), ""), ("dog", ("x", 1, 2, 2), ""), ("dog", (5, 5, 1, 1), ""))
    write(tmp_path / "1.xml", text.replace("</annotation>", "<object/></annotation>"))
    labels = labels_of(tmp_path)
    assert labels.truth(file).labels == ("cat",)
    assert "3 objects whose numbers are missing" in problem_texts(labels) and "1 box without" in problem_texts(labels)


BOMB = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><annotation>&b;</annotation>'
FOREIGN = '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]><annotation>&a;</annotation>'


@pytest.mark.parametrize("text", [BOMB, FOREIGN, "<annotation>\n<size>", "no xml"])
def test_files_with_entities_and_damaged_ones_are_refused_where_there_are_no_others(tmp_path, text):
    picture(tmp_path / "1.jpg")
    write(tmp_path / "Annotations" / "1.xml", text)
    with pytest.raises(ImagesError, match=r"1\.xml"):
        labels_of(tmp_path)


def test_one_damaged_file_among_good_ones_costs_one_picture(tmp_path):
    for name in ("1", "2"):
        picture(tmp_path / f"{name}.jpg")
        write(tmp_path / f"{name}.xml", annotation(CAT))
    write(tmp_path / "2.xml", BOMB)
    labels = labels_of(tmp_path)
    assert labels.truth(tmp_path / "2.jpg") is None and labels.truth(tmp_path / "1.jpg") is not None
    assert "1 picture has no usable label" in problem_texts(labels)


def test_deep_nesting_does_no_harm(tmp_path):
    file = picture(tmp_path / "1.jpg")
    text = annotation(CAT).replace("</annotation>", "<a>" * 100_000 + "</a>" * 100_000 + "</annotation>")
    write(tmp_path / "1.xml", text)
    assert labels_of(tmp_path).truth(file).labels == ("cat",)


def test_xml_files_of_another_kind_are_no_labels(tmp_path):
    picture(tmp_path / "1.jpg")
    write(tmp_path / "1.xml", "<svg></svg>")
    assert labels_of(tmp_path) is None

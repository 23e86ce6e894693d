import base64
import io
import re

import numpy as np
import pytest
from defusedxml.ElementTree import fromstring
from PIL import Image

from core.report.drawing.picture import draw

SVG = "{http://www.w3.org/2000/svg}"
SIZE = (200, 300)
NAMES = ("cat", "dog")
HOSTILE = ("</text><script>alert(1)</script>", '" onload="alert(1)', "a & b", "\x00\x1b]]>", "\ud800", "<!--")


def jpeg(size=(30, 20)):
    stream = io.BytesIO()
    Image.new("RGB", size, "grey").save(stream, "JPEG")
    return stream.getvalue()


def png(classes):
    stream = io.BytesIO()
    Image.fromarray(np.array(classes, np.uint8)).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


def objects(count=2, **more):
    boxes = [[10 + 80 * index, 40, 70 + 80 * index, 160] for index in range(count)]
    scores = [0.9 - 0.3 * index for index in range(count)]
    return {
        "kind": "objects",
        "boxes": boxes,
        "scores": scores,
        "classes": [index % 2 for index in range(count)],
        **more,
    }


def drawn(prediction, **more):
    return fromstring(draw(prediction, jpeg(), SIZE, **{"class_names": NAMES, **more}))


def texts(svg):
    return [element.text for element in svg.iter(f"{SVG}text")]


def of_class(svg, name):
    return [element for element in svg.iter() if name in element.get("class", "").split()]


EVERY_KIND = [
    objects(polygons=[[[[10, 40], [70, 40], [70, 160]]], []], angles=[0.5, 0.0]),
    objects(1, keypoints=[[[20 + index, 50 + index, 0.9] for index in range(17)]]),
    {"kind": "points", "points": [[50, 60], [70, 80]], "scores": [0.9, 0.8]},
    {"kind": "map", "png": png([[0, 1], [1, 2]]), "region": [0.0, 0.25, 1.0, 0.75]},
    {"kind": "classes", "label": "cat", "score": 0.97},
    {"kind": "classes", "label": "cat", "score": 0.97, "present": ["cat", "dog"]},
    {"kind": "text", "text": "HOTEL", "score": 0.9},
    {"kind": "image", "jpeg": base64.b64encode(jpeg((8, 4))).decode()},
    {"kind": "scores", "scores": [0.1, 0.9]},
    {},
]


@pytest.mark.parametrize("prediction", EVERY_KIND, ids=lambda prediction: prediction.get("kind", "none"))
def test_every_kind_is_a_document_that_refers_to_nothing_outside(prediction):
    for element in drawn(prediction).iter():
        links = [value for name, value in element.attrib.items() if name.endswith("href")]
        assert all(re.match(r"data:image/(jpeg|png);base64,[A-Za-z0-9+/=]+$", link) for link in links)
        assert "url(" not in str(element.attrib) and not any(name.startswith("on") for name in element.attrib)
        assert element.tag.removeprefix(SVG) not in ("script", "style", "foreignObject", "a", "use")


def test_objects_have_a_box_and_a_label_each():
    svg = drawn(objects())
    second, first = of_class(svg, "box")  # the best lies on top
    assert [float(first.get(name)) for name in ("x", "y", "width", "height")] == [10, 40, 60, 120]
    assert texts(svg) == ["cat 90%", "dog 60%"] and float(second.get("x")) == 90


def test_objects_below_the_score_are_not_drawn():
    assert texts(drawn(objects(), score=0.7)) == ["cat 90%"]
    assert len(of_class(drawn(objects(), score=0.95), "box")) == 0


def test_the_picture_fills_the_size_of_the_image_whatever_its_own_is():
    svg = drawn(objects())
    (picture,) = of_class(svg, "picture")
    assert svg.get("viewBox") == "0 0 300 200" and (picture.get("width"), picture.get("height")) == ("300", "200")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(name):
    for prediction in (objects(1), {"kind": "text", "text": name, "score": 1.0}, {"kind": "map", "png": png([[0, 1]])}):
        svg = drawn(prediction, class_names=(name, name), title=name)
        assert not list(svg.iter(f"{SVG}script")) and all(
            set(element.attrib) & {"onload"} == set() for element in svg.iter()
        )
    (label,) = texts(drawn(objects(1), class_names=("a & <b>",)))
    assert label == "a & <b> 90%"


def test_classes_without_names_are_numbers():
    assert texts(drawn(objects(1), class_names=())) == ["#0 90%"]


def test_what_changed_is_told_by_sign_and_dashes_not_by_colour_alone():
    svg = drawn(objects(2), marks={0: "lost", 1: "new"})
    assert texts(svg) == ["− cat 90%", "+ dog 60%"]
    (lost,), (new,) = of_class(svg, "lost"), of_class(svg, "new")
    dashes = [[line.get("stroke-dasharray") for line in mark if "box" in line.get("class")] for mark in (lost, new)]
    assert dashes[0] != [None] and dashes[1] == [None]


def test_labels_do_not_cover_each_other():
    crowded = {"kind": "objects", "boxes": [[100, 90, 160, 120]] * 9, "scores": [0.5] * 9, "classes": [0] * 9}
    plates = [plate.find(f"{SVG}rect") for plate in of_class(drawn(crowded), "plate")]
    places = [[float(plate.get(name)) for name in ("x", "y", "width", "height")] for plate in plates]
    assert 1 < len(places) < 9
    for index, (x, y, width, height) in enumerate(places):
        assert 0 <= x <= SIZE[1] - width and 0 <= y <= SIZE[0] - height
        for left, top, other, _ in places[:index]:
            assert x >= left + other - 0.1 or left >= x + width - 0.1 or abs(y - top) >= height - 0.1


def test_a_lost_object_is_labelled_even_where_there_is_no_room():
    crowded = {"kind": "objects", "boxes": [[0, 0, 300, 200]] * 9, "scores": [0.5] * 9, "classes": [0] * 9}
    assert len(texts(drawn(crowded, marks=dict.fromkeys(range(9), "lost")))) == 9


def test_rotated_boxes_turn_about_their_centre():
    (box,) = of_class(drawn(objects(1, angles=[np.pi / 2])), "box")
    assert box.get("transform") == "rotate(90 40 100)"


def test_masks_are_filled_outlines():
    svg = drawn(objects(1, polygons=[[[[10, 40], [70, 40], [70, 160]], [[0, 0], [5, 0], [5, 5]]]]))
    fill, halo, outline = svg.iter(f"{SVG}path")
    assert fill.get("d") == "M10 40L70 40L70 160ZM0 0L5 0L5 5Z" == outline.get("d") == halo.get("d")
    assert not list(svg.iter(f"{SVG}rect")) or not of_class(svg, "box")[0].tag.endswith("rect")
    assert float(fill.get("fill-opacity")) < 0.5


def test_a_skeleton_has_only_limbs_whose_ends_are_sure():
    points = [[20.0 + index, 50.0, 0.9] for index in range(17)]
    everything = list(drawn(objects(1, keypoints=[points])).iter(f"{SVG}line"))
    points[0][2] = 0.1  # the nose
    less = list(drawn(objects(1, keypoints=[points])).iter(f"{SVG}line"))
    assert (len(everything), len(less)) == (2 * 19, 2 * 17)


def test_points_below_the_score_are_not_drawn():
    points = {"kind": "points", "points": [[50, 60], [70, 80]], "scores": [0.9, 0.2]}
    assert len(list(drawn(points, score=0.5).iter(f"{SVG}circle"))) == 1


def test_a_map_lies_where_its_region_is_the_picture():
    svg = drawn({"kind": "map", "png": png([[0, 1], [1, 2]]), "region": [0.0, 0.25, 1.0, 0.75]}, class_names=())
    (image,) = of_class(svg, "map")
    assert [float(image.get(name)) for name in ("x", "y", "width", "height")] == [0, -100, 300, 400]
    with Image.open(io.BytesIO(base64.b64decode(image.get("href").split(",")[1]))) as overlay:
        opacity = np.asarray(overlay.convert("RGBA"))[..., 3]
    assert opacity[0, 0] == 0 and 0 < opacity[0, 1] < 255
    assert texts(svg) == ["#1", "#2"]


def test_a_class_0_with_the_name_of_a_thing_is_drawn():
    assert texts(drawn({"kind": "map", "png": png([[0, 1]])}, class_names=("road", "tree"))) == ["road", "tree"]
    assert texts(drawn({"kind": "map", "png": png([[0, 1]])}, class_names=("background", "tree"))) == ["tree"]


def test_an_image_made_by_the_model_is_shown_in_its_own_shape():
    svg = drawn({"kind": "image", "jpeg": base64.b64encode(jpeg((80, 40))).decode()})
    assert svg.get("viewBox") == "0 0 80 40"


def test_a_text_too_long_for_the_picture_is_cut():
    (text,) = texts(drawn({"kind": "text", "text": "word " * 100, "score": 1.0}))
    assert text.endswith("…") and len(text) < 60


@pytest.mark.parametrize(
    "damaged",
    [
        objects(boxes=[[1, 2, 3]]),
        objects(scores=[0.5]),
        objects(boxes=[[0, 0, float("nan"), 1]] * 2),
        objects(keypoints=[[]]),
        {"kind": "map", "png": "no"},
        {"kind": "map", "png": png(np.zeros((2, 2, 3)))},
        {"kind": "map", "png": png([[1]]), "region": [1, 1, 0, 0]},
        {"kind": "image", "jpeg": png([[1]])},
        {"kind": "points", "points": [[1, 2]], "scores": None},
    ],
)
def test_a_damaged_prediction_is_an_error(damaged):
    with pytest.raises((ValueError, TypeError)):
        drawn(damaged)

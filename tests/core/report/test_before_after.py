"""What changed between two files' stored predictions, picture by picture."""

import base64
import io
import time

import numpy as np
import pytest
from PIL import Image

from core.report.before_after import BeforeAfter, View
from core.report.gallery_entries import ORIGINAL, Answer, GalleryEntry

NAMES = ("cat", "dog")
ST, DY = "onnx_quan_st", "onnx_quan_dy"
VIEW = View(ORIGINAL, ST, 0.25)


def objects(*found, **more):
    """Each one: x, class, score."""
    boxes = [[x, 0, x + 40, 40] for x, _, _ in found]
    classes, scores = [one[1] for one in found], [one[2] for one in found]
    return {"kind": "objects", "boxes": boxes, "classes": classes, "scores": scores, **more}


def classes(label, score=0.9, **more):
    return {"kind": "classes", "label": label, "score": score, **more}


def text(words):
    return {"kind": "text", "text": words, "score": 0.9}


def points(*found):
    return {"kind": "points", "points": [list(one) for one in found], "scores": [0.9] * len(found)}


def png(pixels):
    stream = io.BytesIO()
    Image.fromarray(np.array(pixels, np.uint8)).save(stream, "PNG")
    return {"kind": "map", "png": base64.b64encode(stream.getvalue()).decode()}


def entry(source, static, dynamic=None, name="a.jpg", agreement=0.5):
    answers = {ST: Answer(static, agreement, changed=agreement < 1)}
    if dynamic is not None:
        answers[DY] = Answer(dynamic, agreement, changed=agreement < 1)
    return GalleryEntry(name, "00000.jpg", (100, 200), None, source, answers)


def gallery(tmp_path, *entries, names=NAMES):
    return BeforeAfter(tmp_path, entries, names)


def said(shown, view=VIEW, index=0):
    return [str(words) for words in shown.words(index, view)]


def test_what_changed_most_comes_first(tmp_path):
    one, two = objects((0, 0, 0.9)), objects((0, 0, 0.9), (90, 1, 0.9))
    shown = gallery(tmp_path, entry(two, two), entry(two, one), entry(two, objects()))
    assert [index for index, _ in shown.order(VIEW, "change")] == [2, 1, 0]
    assert [index for index, _ in shown.order(VIEW, "least-change")] == [0, 1, 2]
    assert [index for index, _ in shown.order(VIEW, "change", only_changed=True)] == [2, 1]


def test_a_moved_object_is_no_other_answer_but_comes_before_one_that_stayed(tmp_path):
    there, moved = objects((0, 0, 0.9)), objects((8, 0, 0.9))
    shown = gallery(tmp_path, entry(there, there), entry(there, moved))
    (first, change), _ = shown.order(VIEW, "change")
    assert first == 1 and not change.is_changed and change.right_marks == {0: "moved"}


def test_the_threshold_decides_which_objects_are_compared(tmp_path):
    shown = gallery(tmp_path, entry(objects((0, 0, 0.9), (90, 1, 0.4)), objects((0, 0, 0.9))))
    assert said(shown) == ["1 lost", "1 object the same"]
    assert said(shown, View(ORIGINAL, ST, 0.5)) == ["1 object the same"]


def test_two_files_are_compared_with_each_other_and_not_with_the_original(tmp_path):
    both = objects((0, 0, 0.9), (90, 1, 0.9))
    shown = gallery(tmp_path, entry(both, objects((0, 0, 0.9)), objects((90, 1, 0.9))))
    assert said(shown, View(ST, DY, 0.25)) == ["1 lost", "1 new"]
    assert said(shown, View(DY, DY, 0.25)) == ["1 object the same"]


def test_only_the_chosen_classes_count(tmp_path):
    both, cat = objects((0, 0, 0.9), (90, 1, 0.9)), objects((0, 0, 0.9))
    shown = gallery(tmp_path, entry(both, cat), entry(cat, cat))
    only_cats, only_dogs = (View(ORIGINAL, ST, 0.25, frozenset([index])) for index in (0, 1))
    assert [change.is_changed for _, change in shown.order(only_cats, "name")] == [False, False]
    assert [index for index, _ in shown.order(only_dogs, "name")] == [0]


def test_an_object_of_another_class_counts_for_both_classes(tmp_path):
    shown = gallery(tmp_path, entry(objects((0, 0, 0.9)), objects((0, 1, 0.9))))
    for index in (0, 1):
        assert said(shown, View(ORIGINAL, ST, 0.25, frozenset([index]))) == ["1 of another class"]


def test_rotated_boxes_are_compared_as_they_lie(tmp_path):
    long = {"kind": "objects", "boxes": [[0, 40, 100, 60]], "scores": [0.9], "classes": [0]}
    shown = gallery(tmp_path, entry({**long, "angles": [0.0]}, {**long, "angles": [np.pi / 2]}))
    assert said(shown) == ["1 lost", "1 new"]  # a cross, though the unrotated boxes are the same


def test_masks_are_compared_by_their_pixels_and_holes_do_not_count(tmp_path):
    square = [[0, 0], [40, 0], [40, 40], [0, 40]]
    hole = [[4, 4], [36, 4], [36, 36], [4, 36]]
    left = [[0, 0], [10, 0], [10, 40], [0, 40]]

    def mask(*rings):
        return objects((0, 0, 0.9), polygons=[[*rings]])

    shown = gallery(tmp_path, entry(mask(square), mask(left)), entry(mask(square), mask(square, hole)))
    assert said(shown) == said(shown, index=1) == ["1 lost", "1 new"]
    assert said(gallery(tmp_path, entry(mask(square), mask(square)))) == ["1 object the same"]


def test_poses_are_compared_by_their_points(tmp_path):
    pose = [[float(3 * index), 20.0, 0.9] for index in range(17)]
    upside_down = [[point[0], point[1] + 60.0, 0.9] for point in pose]
    same_box = (objects((0, 0, 0.9), keypoints=[pose]), objects((0, 0, 0.9), keypoints=[upside_down]))
    assert said(gallery(tmp_path, entry(*same_box))) == ["1 lost", "1 new"]


def test_classes_differ_by_the_first_one_and_are_sorted_by_the_drift_of_the_score(tmp_path):
    shown = gallery(
        tmp_path,
        entry(classes("cat"), classes("cat", 0.8)),
        entry(classes("cat"), classes("dog")),
        entry(classes("cat"), classes("cat", 0.3)),
    )
    assert [(index, change.is_changed) for index, change in shown.order(VIEW, "change")] == [
        (1, True),
        (2, False),
        (0, False),
    ]


def test_pictures_of_a_class_are_those_in_which_either_file_sees_it(tmp_path):
    shown = gallery(tmp_path, entry(classes("cat"), classes("dog")), entry(classes("cat"), classes("cat")))
    (dog,) = [index for index, name in shown.classes.items() if name == "dog"]
    assert [index for index, _ in shown.order(View(ORIGINAL, ST, 0.0, frozenset([dog])), "change")] == [0]


def test_names_that_are_the_same_for_several_labels_of_no_list_are_kept(tmp_path):
    shown = gallery(tmp_path, entry(classes("zebra"), classes("<b>")), names=())
    assert sorted(shown.classes.values()) == ["<b>", "zebra"]


def test_several_labels_differ_where_one_does(tmp_path):
    two, one = classes("cat", present=["cat", "dog"]), classes("cat", present=["cat"])
    (_, change), *_ = gallery(tmp_path, entry(two, one)).order(VIEW, "change")
    assert change.is_changed and 0.4 < change.amount < 0.6


def test_texts_are_sorted_by_their_edit_distance(tmp_path):
    pairs = (("HOTEL", "HOTEL"), ("HOTEL", "H0TEL"), ("HOTEL", ""))
    shown = gallery(tmp_path, *(entry(text(one), text(other)) for one, other in pairs))
    assert [index for index, _ in shown.order(VIEW, "change")] == [2, 1, 0]


def test_points_that_moved_are_marked_on_the_right(tmp_path):
    shown = gallery(tmp_path, entry(points((0, 0), (30, 40)), points((0, 0), (30, 60))))
    change = shown.change(0, VIEW)
    assert change.is_changed and change.right_marks == {1: "moved"}
    assert said(shown) == ["points 10.0 pixels away on average, 20.0 at most"]


def test_maps_of_which_hardly_a_pixel_differs_are_the_same_answer(tmp_path):
    large = np.zeros((40, 40), int)
    other = large.copy()
    other[0, 0] = 1
    shown = gallery(tmp_path, entry(png(large), png(other), png(large + 1), agreement=0.995))
    assert not shown.change(0, VIEW).is_changed
    assert shown.change(0, View(ST, DY)).is_changed
    assert said(shown) == ["the same class on 99.9% of the pixels"]


def test_what_is_not_decoded_is_as_similar_as_it_was_measured(tmp_path):
    shown = gallery(tmp_path, entry({}, {}, agreement=0.75))
    assert said(shown) == ["75% alike"] and shown.change(0, VIEW).amount == 0.25


@pytest.mark.parametrize(
    "damaged",
    [
        objects((0, 0, 0.9), angles=[1, 2]),
        {"kind": "objects", "boxes": "no"},
        {"kind": "map", "png": 3},
        {"kind": "points", "points": [[1]]},
        {"kind": "classes", "score": [1]},
        {"kind": "objects", "boxes": [[0, 0, 1, 1]], "scores": [1], "classes": [0], "keypoints": [[[1]]]},
    ],
)
def test_damaged_predictions_keep_the_page_alive(tmp_path, damaged):
    good = damaged if damaged["kind"] != "objects" else objects((0, 0, 0.9))
    for pair in ((damaged, good), (good, damaged), (damaged, damaged)):
        shown = gallery(tmp_path, entry(*pair))
        assert len(shown.order(VIEW, "change")) == 1
        assert isinstance(shown.classes, dict) and said(shown) is not None
        shown.drawing(0, VIEW, is_left=True)
        shown.order(View(ORIGINAL, ST, 0.0, frozenset([0])), "change")


def test_a_file_of_which_nothing_was_stored_is_said_to_be_so(tmp_path):
    assert said(gallery(tmp_path, entry(objects(), objects())), View(ORIGINAL, DY)) == ["not stored"]


def test_drawings_hold_the_marks_and_only_the_chosen_classes(tmp_path):
    both = objects((0, 0, 0.9), (90, 1, 0.9))
    shown = gallery(tmp_path, entry(both, objects((0, 0, 0.9))))
    left = shown.drawing(0, VIEW, is_left=True)
    assert "− dog 90%" in left and "cat 90%" in left and "image" not in left
    assert "dog" not in shown.drawing(0, VIEW, is_left=False)
    assert "cat" not in shown.drawing(0, View(ORIGINAL, ST, 0.25, frozenset([1])), is_left=True)


def test_a_map_is_hatched_where_it_changed(tmp_path):
    shown = gallery(tmp_path, entry(png([[0, 1], [1, 2]]), png([[1, 0], [1, 1]])))
    hatched = [shown.drawing(0, VIEW, is_left=is_left) for is_left in (True, False)]
    assert all('class="changes"' in drawing for drawing in hatched) and hatched[0] != hatched[1]


def test_the_background_of_maps_is_no_class_to_choose(tmp_path):
    assert list(gallery(tmp_path, entry(png([[0, 1]]), png([[0, 1]])), names=()).classes.values()) == ["#1"]
    assert len(gallery(tmp_path, entry(png([[0, 1]]), png([[0, 1]])), names=("road", "car")).classes) == 2


def test_all_files_are_compared_ahead_in_a_thread(tmp_path):
    both = objects((0, 0, 0.9))
    shown = gallery(tmp_path, entry(both, both, objects()))
    shown.prepare([ST, DY], 0.25)
    deadline = time.monotonic() + 20
    while len(shown._changes) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert set(shown._changes) == {View(ORIGINAL, ST, 0.25), View(ORIGINAL, DY, 0.25)}


@pytest.mark.parametrize(
    ("source", "other", "words"),
    [
        (objects((0, 0, 0.9)), objects(), ["1 lost"]),
        (points((0, 0), (30, 40)), points((0, 0), (30, 60)), ["points 10.0 pixels away on average, 20.0 at most"]),
        (png([[0, 1]]), png([[0, 0]]), ["the same class on 50% of the pixels"]),
        (png([[0, 1]]), png([[0]]), []),
        (text("a"), text("b"), ["a different answer"]),
    ],
)
def test_a_file_against_the_original_in_words(source, other, words, tmp_path):
    assert said(gallery(tmp_path, entry(source, other, agreement=0.75))) == words

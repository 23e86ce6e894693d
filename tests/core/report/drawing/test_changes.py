import pytest

from core.report.drawing.changes import ObjectPair, Objects, compare_points

BOX = [0, 0, 100, 100]


def objects(*found):
    """Each one: box, class, score."""
    boxes, classes, scores = zip(*found, strict=True) if found else ((), (), ())
    return {"kind": "objects", "boxes": list(boxes), "classes": list(classes), "scores": list(scores)}


def compare_objects(source, other, score):
    return ObjectPair(Objects.read(source), Objects.read(other)).changes(score)


def points(*found):
    return {"kind": "points", "points": list(found), "scores": [1.0] * len(found)}


def test_the_same_objects_are_kept():
    both = objects((BOX, 0, 0.9), ([200, 0, 300, 100], 1, 0.8))
    changes = compare_objects(both, both, 0.25)
    assert changes.kept == ((0, 0), (1, 1)) and not changes.source_marks and not changes.other_marks


def test_what_is_missing_is_lost_and_what_is_added_is_new():
    changes = compare_objects(objects((BOX, 0, 0.9)), objects(([200, 0, 300, 100], 0, 0.8)), 0.25)
    assert changes.source_marks == {0: "lost"} and changes.other_marks == {0: "new"}


@pytest.mark.parametrize(
    ("shift", "found"), [(10, "kept"), (20, "moved"), (33, "moved"), (34, "lost")]
)  # IoU 0.82, 0.67, 0.504 and 0.493
def test_a_shifted_box_is_kept_then_moved_then_lost(shift, found):
    changes = compare_objects(objects((BOX, 0, 0.9)), objects(([shift, 0, 100 + shift, 100], 0, 0.9)), 0.25)
    assert getattr(changes, found)


def test_another_class_in_the_same_place_is_renamed():
    changes = compare_objects(objects((BOX, 0, 0.9)), objects((BOX, 1, 0.9)), 0.25)
    assert changes.renamed == ((0, 0),) and changes.source_marks == changes.other_marks == {0: "renamed"}


def test_the_same_class_is_matched_before_a_better_place():
    changes = compare_objects(objects((BOX, 0, 0.9)), objects((BOX, 1, 0.9), ([10, 0, 110, 100], 0, 0.9)), 0.25)
    assert changes.kept == ((0, 1),) and changes.new == (0,)


def test_each_object_is_matched_once_and_with_the_best():
    two = objects((BOX, 0, 0.9), ([5, 0, 105, 100], 0, 0.8))
    assert compare_objects(two, objects(([5, 0, 105, 100], 0, 0.9)), 0.25).lost == (0,)


def test_objects_below_the_score_do_not_count_and_indices_stay_those_of_the_prediction():
    changes = compare_objects(objects(([9, 9, 10, 10], 0, 0.1), (BOX, 0, 0.9)), objects(), 0.25)
    assert changes.lost == (1,) and changes.source_marks == {1: "lost"}


def test_empty_boxes_are_no_division_by_zero():
    assert compare_objects(objects(([5, 5, 5, 5], 0, 0.9)), objects(([5, 5, 5, 5], 0, 0.9)), 0.25).lost == (0,)


def test_points_that_moved_far_are_marked():
    changes = compare_points(points((0, 0), (30, 40)), points((0, 1), (30, 45)))
    assert (changes.moved, changes.mean, changes.largest) == ((1,), 3.0, 5.0)
    assert changes.marks == {1: "moved"}


def test_no_points_are_no_change():
    assert compare_points(points(), points((1, 2))).moved == ()

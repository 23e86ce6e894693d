import json
import time
from dataclasses import replace

import numpy as np
import pytest

from array_head import ArrayHead, table
from core.common.text import say
from core.preprocessing import Placement
from core.tasks.base import TaskOptions
from core.tasks.detection import Detection
from core.tasks.predictions import Detections, ObjectTruth

PLACEMENT = Placement.identity((100, 100))


def detection(head=None, **options):
    return Detection(head or ArrayHead(), reason=say("It is one."), **options)


def found(*rows, angle=None):
    array = np.array(rows, np.float32).reshape(-1, 6)
    angles = None if angle is None else np.full(len(array), angle, np.float32)
    return Detections(array[:, :4], array[:, 4], array[:, 5].astype(np.int64), angles)


def test_the_score_is_the_family_s_own_unless_another_is_asked_for():
    assert detection().options == TaskOptions(score=0.5)
    assert detection(options=TaskOptions(score=0.3)).options.score == 0.3


def test_a_class_has_its_name_in_any_spelling_or_its_number():
    task = detection(ArrayHead(class_count=4), class_names=("traffic light", "Dog", "3"))
    assert [task.class_index(label) for label in ("Traffic_Light", " dog ", "0")] == [0, 1, 0]
    assert task.class_index("3") == 2  # the name counts first
    assert [task.class_index(label) for label in ("cat", "4", "-1", "1.0")] == [None] * 4


def test_unsure_objects_are_decoded_but_neither_compared_nor_stored():
    task = detection()
    prediction = task.decode(table((10, 10, 50, 50, 0.6, 1), (60, 60, 90, 90, 0.2, 0)), PLACEMENT)
    assert len(prediction) == 2 and task.to_json(prediction)["classes"] == [1]
    metric = task.agreement()
    assert metric.update(prediction, prediction.above(0.5)) == 1.0


def test_objects_are_stored_from_half_the_score_on_so_that_it_can_be_moved():
    task = detection()
    prediction = task.decode(table((10, 10, 50, 50, 0.6, 1), (60, 60, 90, 90, 0.3, 0)), PLACEMENT)
    assert task.to_json(prediction)["scores"] == [0.6, 0.3] and task.options.score == 0.5


def test_a_score_below_the_least_keeps_what_it_asks_for():
    task = detection(options=TaskOptions(score=0.001))
    assert len(task.decode(table((10, 10, 50, 50, 0.002, 1)), PLACEMENT)) == 1


def test_agreement_needs_the_same_class_at_the_same_place():
    source = found((0, 0, 40, 40, 0.9, 0), (50, 50, 90, 90, 0.8, 1))
    for other, expected in (
        (source, 1.0),
        (found((2, 0, 42, 40, 0.7, 0), (50, 50, 90, 90, 0.8, 1)), 1.0),
        (found((0, 0, 40, 40, 0.9, 1), (50, 50, 90, 90, 0.8, 1)), 0.5),  # another class
        (found((20, 20, 60, 60, 0.9, 0), (50, 50, 90, 90, 0.8, 1)), 0.5),  # elsewhere
        (found((0, 0, 40, 40, 0.9, 0)), 2 / 3),
        (found((0, 0, 40, 40, 0.9, 0), (50, 50, 90, 90, 0.4, 1)), 2 / 3),  # no longer sure enough
    ):
        metric = detection().agreement()
        assert metric.update(source, other) == pytest.approx(expected)
        agreement = metric.compute()
        assert agreement.metric == "box-f1" and agreement.value == pytest.approx(expected)
        assert agreement.counted == 2


def test_the_loss_of_score_is_in_the_details():
    metric = detection().agreement()
    metric.update(found((0, 0, 40, 40, 0.9, 0)), found((0, 0, 40, 40, 0.7, 0)))
    assert metric.compute().details["score_drift"] == pytest.approx(-0.2)


def test_rotated_boxes_agree_only_where_their_angles_do():
    boxes = (10, 40, 90, 50, 0.9, 0)
    for angle, expected in ((0.5, 1.0), (0.5 + np.pi, 1.0), (1.5, 0.0)):
        assert detection().agreement().update(found(boxes, angle=0.5), found(boxes, angle=angle)) == expected


def test_labels_are_found_by_name():
    task = detection(class_names=("cat", "dog", "owl"))
    truth = ObjectTruth(
        np.array([[0, 0, 40, 40]], np.float32), ("Dog",), np.zeros(1, bool), np.array([1600], np.float32)
    )
    metric = task.truth()
    metric.update(found((0, 0, 40, 40, 0.03, 1), (0, 0, 40, 40, 0.9, 0)), truth)
    assert [figure.metric for figure in metric.compute()] == ["map-50-95", "map-50"]
    assert metric.compute()[0].value == pytest.approx(1.0)


def objects(*scores):
    return found(*[(place, 0, place + 1, 9, score, 0) for place, score in enumerate(scores)])


def test_a_few_sure_objects_are_more_convincing_than_many_unsure_and_than_dozens_of_sure_ones():
    task = detection()
    sure, unsure = [objects(0.9, 0.8, *[0.1] * 90), objects()], [objects(*[0.15] * 90)] * 2
    saturated = [objects(*[0.99] * 40), objects(*[0.999] * 300)]
    assert task.confidence(sure) == pytest.approx((0.81 + 0.64 + 8 * 0.01 - 2 * 82 * 0.0001) / 2, abs=1e-6)
    assert task.confidence(sure) > task.confidence(unsure) > task.confidence(saturated) == 0


def test_surer_objects_and_more_of_them_are_more_convincing():
    confidence = detection().confidence
    assert confidence([objects(0.9, 0.9)]) > confidence([objects(0.9)]) > confidence([objects(0.8)]) > 0
    assert confidence([objects()]) == confidence([]) == 0


def test_json_is_short_and_plain():
    task = detection(ArrayHead(points=5))
    row = (10.123, 10, 50, 50, 0.61234, 1, *[20.26, 30, 0.987] * 5)
    data = task.to_json(task.decode(table(row), PLACEMENT))
    assert json.loads(json.dumps(data)) == {
        "kind": "objects",
        "boxes": [[10.1, 10.0, 50.0, 50.0]],
        "scores": [0.61234],
        "classes": [1],
        "keypoints": [[[20.3, 30.0, 0.99]] * 5],
    }
    rotated = replace(found((0, 0, 40, 40, 0.9, 0)), angles=np.array([0.12345], np.float32))
    assert task.to_json(rotated)["angles"] == [0.123]


def test_json_holds_a_hundred_objects_at_most():
    many = found(*[(place, 0, place + 1, 9, 0.9, 0) for place in range(150)])
    assert len(detection().to_json(many)["boxes"]) == 100
    assert detection().to_json(found()) == {"kind": "objects", "boxes": [], "scores": [], "classes": []}


def test_twenty_objects_are_compared_in_less_than_a_millisecond():
    generator = np.random.default_rng(0)
    corners = generator.uniform(0, 60, (20, 2))
    boxes = np.concatenate([corners, corners + 20], axis=1).astype(np.float32)
    each = Detections(boxes, np.full(20, 0.9, np.float32), generator.integers(0, 3, 20))
    metric, start = detection().agreement(), time.process_time()
    for _ in range(100):
        metric.update(each, each)
    assert (time.process_time() - start) / 100 < 1e-3
    assert metric.compute().value == 1.0

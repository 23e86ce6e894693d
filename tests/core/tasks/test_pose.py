import numpy as np
import pytest

from array_head import ArrayHead, table
from core.common.text import say
from core.preprocessing import Placement
from core.tasks.pose import Pose
from core.tasks.predictions import ObjectTruth

PLACEMENT = Placement((100, 100), (200, 200), (2.0, 2.0), (0.0, 0.0))
POSE = np.random.default_rng(0).uniform(40, 160, (17, 2))


def task():
    return Pose(ArrayHead(class_count=1, points=17), class_names=("person",), reason=say("It is one."))


def person(points=POSE, *, score=0.9, box=(20, 20, 180, 180), sure=0.9):
    scores = np.broadcast_to(sure, 17)
    return (*box, score, 0, *np.column_stack([points, scores]).ravel())


def decoded(*rows):
    return task().decode(table(*rows), PLACEMENT)


def test_points_are_in_the_pixels_of_the_image():
    prediction = decoded(person())
    assert prediction.keypoints[0, :, :2] == pytest.approx(POSE / 2, abs=1e-4)
    assert prediction.keypoints[0, :, 2] == pytest.approx(np.full(17, 0.9))
    assert len(task().to_json(prediction)["keypoints"][0]) == 17


def test_poses_agree_where_their_points_do():
    metric = task().agreement()
    assert metric.update(decoded(person()), decoded(person(POSE + 2))) == 1.0
    assert metric.update(decoded(person()), decoded(person(POSE + 60))) == 0.0  # the same box
    agreement = metric.compute()
    assert (agreement.metric, agreement.value, agreement.counted) == ("pose-f1", 0.5, 2)
    assert 0.9 < agreement.details["mean_oks"] < 1


def test_points_of_which_the_source_is_not_sure_do_not_count():
    moved = POSE.copy()
    moved[:10] += 80
    sure = np.where(np.arange(17) < 10, 0.1, 0.9)
    assert task().agreement().update(decoded(person(sure=sure)), decoded(person(moved))) == 1.0
    assert task().agreement().update(decoded(person()), decoded(person(moved))) == 0.0
    # A source that is sure of none is compared by all.
    assert task().agreement().update(decoded(person(sure=0.1)), decoded(person(moved))) == 0.0


def truth(points, *, visible=2):
    keypoints = None
    if points is not None:
        keypoints = np.concatenate([points / 2, np.full((len(points), 1), visible)], axis=1)[None].astype(np.float32)
    return ObjectTruth(
        np.array([[10, 10, 90, 90]], np.float32),
        ("person",),
        np.zeros(1, bool),
        np.array([6400], np.float32),
        keypoints=keypoints,
    )


def test_labelled_points_give_figures_of_poses_and_of_boxes():
    metric = task().truth()
    metric.update(decoded(person()), truth(POSE))
    figures = {figure.metric: figure.value for figure in metric.compute()}
    assert figures == pytest.approx({"oks-ap": 1, "oks-ap-50": 1, "map-50-95": 1, "map-50": 1})


@pytest.mark.parametrize("points", [None, POSE[:5]])
def test_labels_with_other_points_give_figures_of_boxes_only(points):
    metric = task().truth()
    metric.update(decoded(person()), truth(points))
    assert [figure.metric for figure in metric.compute()] == ["map-50-95", "map-50"]


def test_people_without_labelled_points_are_not_missed():
    metric = task().truth()
    metric.update(decoded(person()), truth(POSE))
    metric.update(decoded(person(POSE + 30, score=0.95)), truth(POSE, visible=0))
    assert metric.compute()[0].value == pytest.approx(1.0)

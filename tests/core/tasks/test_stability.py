"""Answers that change with the last digits of a model's outputs say nothing."""

import numpy as np

from array_head import ArrayHead, table
from core.common.text import say
from core.preprocessing import Placement
from core.tasks.detection import Detection
from core.tasks.stability import outlasts_rounding

PLACEMENT = Placement.identity((100, 100))
RANDOM = np.random.default_rng(4)


def detections(score, spread):
    """Forty objects that do not overlap, with scores around one."""
    corners = [(10 * (index % 8), 20 * (index // 8)) for index in range(40)]
    return table(*((x, y, x + 8, y + 15, score + spread * RANDOM.standard_normal(), 1) for x, y in corners))


def task():
    return Detection(ArrayHead(), reason=say("It is one."))


def test_objects_with_scores_away_from_the_least_one_outlast_rounding():
    assert outlasts_rounding(task(), [detections(0.8, 0.05), detections(0.7, 0.05)], PLACEMENT)


def test_objects_of_which_rounding_decides_whether_they_are_found_do_not():
    assert not outlasts_rounding(task(), [detections(0.5, 1e-7), detections(0.5, 1e-7)], PLACEMENT)


def test_where_nothing_is_found_nothing_can_change():
    assert outlasts_rounding(task(), [detections(0.01, 0.001)], PLACEMENT)

import numpy as np
import pytest

from core.common.text import say
from core.preprocessing import Placement
from core.tasks.base import TaskOptions
from core.tasks.scores import Scores

NOWHERE = Placement.identity((1, 1))


def decoded(task, *values):
    return task.decode({"y": np.array([values], np.float32), "state": np.ones(9)}, NOWHERE)


def test_a_decision_is_the_sources_where_both_are_on_the_same_side():
    task = Scores(("y",), reason=say("Done."))
    metric = task.agreement()
    assert metric.update(decoded(task, 0.9, 0.6, 0.4, 0.1), decoded(task, 0.8, 0.4, 0.45, 0.2)) == 0.75
    agreement = metric.compute()
    assert (agreement.metric, agreement.value) == ("same-decisions", 0.75)
    assert agreement.details["mean_difference"] == pytest.approx((0.1 + 0.2 + 0.05 + 0.1) / 4)
    assert agreement.details["events"] == 2


def test_the_threshold_can_be_moved():
    task = Scores(("y",), options=TaskOptions(0.3), reason=say("Done."))
    assert task.agreement().update(decoded(task, 0.9, 0.6), decoded(task, 0.8, 0.4)) == 1.0


def test_where_nothing_ever_happens_there_is_no_agreement():
    task = Scores(("y",), reason=say("Done."))
    metric = task.agreement()
    metric.update(decoded(task, 0.1, 0.2), decoded(task, 0.3, 0.2))
    assert metric.compute() is None

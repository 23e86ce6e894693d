import numpy as np
import pytest

from core.metrics.object_noise import object_noise


def scores(*values):
    return np.array(values, np.float32)


def test_the_same_objects_in_another_order_have_no_noise():
    noise, power = object_noise(np.eye(2)[::-1], scores(0.9, 0.5), scores(0.5, 0.9))
    assert noise == 0.0 and power == pytest.approx(0.81 + 0.25)


def test_a_changed_score_and_a_moved_box_are_squared():
    noise, _ = object_noise(np.array([[0.8]]), scores(0.9), scores(0.7))
    assert noise == pytest.approx(0.2**2 + (0.9 * 0.2) ** 2)


def test_objects_without_a_counterpart_are_noise_as_a_whole():
    noise, power = object_noise(np.array([[0.39]]), scores(0.9), scores(0.6))
    assert noise == pytest.approx(0.81 + 0.36) and power == pytest.approx(0.81)


def test_it_grows_smoothly_where_f1_jumps():
    ratios = [object_noise(np.ones((1, 1)), scores(0.26), scores(0.26 - step))[0] for step in (0.005, 0.01, 0.02)]
    assert ratios == pytest.approx([0.005**2, 0.01**2, 0.02**2], rel=1e-3)


@pytest.mark.parametrize(("mine", "theirs"), [(0, 0), (0, 2), (2, 0)])
def test_images_in_which_nothing_is_found(mine, theirs):
    noise, power = object_noise(np.zeros((mine, theirs)), np.full(mine, 0.5), np.full(theirs, 0.5))
    assert (noise, power) == (pytest.approx(0.25 * (mine + theirs)), pytest.approx(0.25 * mine))

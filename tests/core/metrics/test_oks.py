import math

import numpy as np
import pytest
from pycocotools.cocoeval import Params

from core.metrics.oks import oks, oks_sigmas, unlabelled_oks


def test_a_person_has_the_deviations_of_coco():
    assert oks_sigmas(17) == pytest.approx(Params("keypoints").kpt_oks_sigmas)


def test_other_points_share_one_deviation_within_those_of_coco():
    assert oks_sigmas(21) == pytest.approx(np.full(21, 1 / 21))
    assert oks_sigmas(3) == pytest.approx(np.full(3, 0.107))
    assert oks_sigmas(133) == pytest.approx(np.full(133, 0.025))


def test_the_formula_holds_point_by_point():
    generator = np.random.default_rng(0)
    points, others = generator.uniform(0, 50, (3, 17, 3)), generator.uniform(0, 50, (2, 17, 3))
    areas, counted = generator.uniform(500, 3000, 3), generator.random((3, 17)) < 0.6
    expected = np.zeros((3, 2))
    for row in range(3):
        for column in range(2):
            parts = [
                math.exp(-(math.dist(a[:2], b[:2]) ** 2) / (2 * areas[row] * (2 * sigma) ** 2))
                for a, b, sigma, used in zip(points[row], others[column], oks_sigmas(17), counted[row], strict=True)
                if used
            ]
            expected[row, column] = sum(parts) / len(parts)
    assert oks(points, others, areas, counted=counted) == pytest.approx(expected, abs=1e-9)


def test_the_same_pose_is_1_and_a_far_one_is_0():
    pose = np.arange(34.0).reshape(1, 17, 2)
    both = np.concatenate([pose, pose + 1000])
    assert oks(pose, both, np.array([400.0])) == pytest.approx(np.array([[1, 0]]))


def test_without_a_point_that_counts_the_similarity_is_0():
    pose = np.zeros((1, 4, 2))
    assert oks(pose, pose, np.ones(1), counted=np.zeros((1, 4), bool)) == 0


def test_poses_near_a_person_without_points_are_similar_to_it():
    box = np.array([[10.0, 10.0, 20.0, 20.0]])
    inside, outside = np.full((1, 17, 2), 28.0), np.full((1, 17, 2), 90.0)
    similarity = unlabelled_oks(box, np.concatenate([inside, outside]), np.array([100.0]))
    assert similarity[0, 0] == 1.0 and similarity[0, 1] < 0.01


def test_no_poses_give_an_empty_table():
    assert oks(np.zeros((0, 17, 3)), np.zeros((4, 17, 3)), np.zeros(0)).shape == (0, 4)
    assert unlabelled_oks(np.zeros((0, 4)), np.zeros((4, 17, 3)), np.zeros(0)).shape == (0, 4)

import time

import numpy as np
import pytest

from core.tasks.heads.base import Candidates
from core.tasks.heads.suppression import suppress, take


def candidates(boxes, scores, classes=None, **more):
    classes = [0] * len(scores) if classes is None else classes
    return Candidates(
        np.array(boxes, np.float32).reshape(-1, 4), np.array(scores, np.float32), np.array(classes, np.int64), **more
    )


def iou(one, other):
    width = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    height = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    area = (one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1])
    return width * height / (area - width * height)


def by_hand(boxes, scores, classes, limit):
    kept = []
    for index in sorted(range(len(scores)), key=lambda index: -scores[index]):
        if all(classes[k] != classes[index] or iou(boxes[k], boxes[index]) <= limit for k in kept):
            kept.append(index)
    return kept


@pytest.mark.parametrize("limit", [0.3, 0.5, 0.7])
def test_the_same_boxes_stay_as_with_plain_loops(limit):
    random = np.random.default_rng(3)
    corners = random.uniform(0, 60, (200, 2))
    boxes = np.concatenate((corners, corners + random.uniform(5, 40, (200, 2))), axis=1).astype(np.float32)
    scores, classes = random.permutation(200) / 200, random.integers(0, 3, 200)
    kept = suppress(candidates(boxes, scores, classes), limit)
    expected = by_hand(boxes.tolist(), scores.tolist(), classes.tolist(), limit)
    assert 3 < len(expected) < 200
    assert np.array_equal(kept.boxes, boxes[expected]) and kept.classes.tolist() == classes[expected].tolist()


def test_boxes_of_different_classes_do_not_suppress_each_other():
    box = [0, 0, 10, 10]
    assert len(suppress(candidates([box, box], [0.9, 0.8], [0, 1]), 0.5).scores) == 2
    assert suppress(candidates([box, box], [0.8, 0.9], [1, 1]), 0.5).scores.tolist() == pytest.approx([0.9])


def test_no_more_than_asked_for_stay_and_the_best_come_first():
    apart = [[x * 20, 0, x * 20 + 10, 10] for x in range(5)]
    assert suppress(candidates(apart, [0.1, 0.5, 0.3, 0.9, 0.2]), 0.5, most=2).scores.tolist() == pytest.approx(
        [0.9, 0.5]
    )


def test_nothing_stays_nothing():
    kept = suppress(candidates([], [], angles=np.zeros(0, np.float32)), 0.5)
    assert kept.boxes.shape == (0, 4) and kept.angles is not None


def test_what_belongs_to_a_box_stays_with_it():
    full = candidates(
        [[0, 0, 9, 9], [20, 0, 29, 9]],
        [0.2, 0.7],
        keypoints=np.arange(12, dtype=np.float32).reshape(2, 2, 3),
        mask_weights=np.array([[1], [2]], np.float32),
        mask_logits=np.array([[[1]], [[2]]], np.float32),
        prototypes=np.ones((1, 2, 2), np.float32),
    )
    kept = suppress(full, 0.5)
    assert kept.keypoints[0, 0].tolist() == [6, 7, 8] and kept.mask_weights.tolist() == [[2], [1]]
    assert kept.mask_logits.ravel().tolist() == [2, 1] and kept.prototypes is full.prototypes
    assert take(full, np.array([0])).mask_weights.tolist() == [[1]]


def test_rotated_boxes_at_a_right_angle_are_two_objects():
    box = [0, 20, 60, 30]
    crossed = candidates([box, box], [0.9, 0.8], angles=np.array([0, np.pi / 2], np.float32))
    parallel = candidates([box, box], [0.9, 0.8], angles=np.array([0.3, 0.31], np.float32))
    assert len(suppress(crossed, 0.5).scores) == 2 and len(suppress(parallel, 0.5).scores) == 1


def test_rotated_overlap_is_the_one_of_the_gaussians():
    # By numeric integration of sqrt(p q), independent of the closed form.
    def density(x, y, centre, size, angle):
        turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        inverse = np.linalg.inv(turned @ np.diag(np.square(size) / 12) @ turned.T)
        points = np.stack((x - centre[0], y - centre[1]), axis=-1)
        power = np.einsum("...i,ij,...j", points, inverse, points)
        return np.exp(-power / 2) * np.sqrt(np.linalg.det(inverse)) / (2 * np.pi)

    x, y = np.meshgrid(np.arange(-100, 100, 0.25), np.arange(-100, 100, 0.25))
    one, other = density(x, y, (0, 0), (40, 12), 0.5), density(x, y, (3, -2), (30, 16), 0.9)
    overlap = 1 - np.sqrt(1 - (np.sqrt(one * other).sum() / 16))
    pair = candidates([[-20, -6, 20, 6], [-12, -10, 18, 6]], [0.9, 0.8], angles=np.array([0.5, 0.9], np.float32))
    assert len(suppress(pair, overlap - 0.002).scores) == 1 and len(suppress(pair, overlap + 0.002).scores) == 2


def test_thousands_of_candidates_take_milliseconds():
    random = np.random.default_rng(0)
    corners = random.uniform(0, 600, (8400, 2))
    boxes = np.concatenate((corners, corners + random.uniform(5, 100, (8400, 2))), axis=1)
    many = candidates(boxes, random.uniform(0, 1, 8400), random.integers(0, 80, 8400))
    start = time.perf_counter()
    suppress(many, 0.7)
    assert time.perf_counter() - start < 1  # measured: 30 ms; a busy computer takes several times as much

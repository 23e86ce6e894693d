import numpy as np
import pytest
from PIL import Image, ImageDraw

from core.metrics.box_iou import box_iou, rotated_box_iou, rotated_corners


def random_boxes(generator, count, side=100):
    corners = generator.uniform(0, side, (count, 2))
    return np.concatenate([corners, corners + generator.uniform(5, side, (count, 2))], axis=1)


def plain_iou(a, b):
    width = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - width * height
    return width * height / union


def test_upright_boxes_overlap_as_computed_one_by_one():
    generator = np.random.default_rng(0)
    boxes, others = random_boxes(generator, 12), random_boxes(generator, 9)
    expected = [[plain_iou(a, b) for b in others] for a in boxes]
    assert box_iou(boxes, others) == pytest.approx(np.array(expected))
    assert box_iou(others, boxes) == pytest.approx(np.array(expected).T)


def test_in_a_group_the_share_of_the_box_counts():
    box, group = np.array([[0, 0, 10, 10]]), np.array([[5, 0, 1000, 1000]])
    assert box_iou(box, group, crowd=np.array([True])) == pytest.approx(0.5)


def test_boxes_without_area_overlap_with_nothing():
    flat = np.array([[3, 3, 3, 9], [9, 9, 1, 1]])
    assert not box_iou(flat, flat).any()
    assert not rotated_box_iou(flat, np.zeros(2), flat, np.ones(2)).any()


def test_no_boxes_give_an_empty_table():
    none = np.zeros((0, 4), np.float32)
    assert box_iou(none, np.ones((3, 4))).shape == (0, 3)
    assert rotated_box_iou(none, np.zeros(0), np.ones((3, 4)), np.zeros(3)).shape == (0, 3)


def drawn(box, angle, size=1400, zoom=6):
    """The rotated box as a picture of its pixels, its corners by hand."""
    x, y, half_width, half_height = (
        (box[0] + box[2]) / 2,
        (box[1] + box[3]) / 2,
        (box[2] - box[0]) / 2,
        (box[3] - box[1]) / 2,
    )
    along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    corners = [
        np.array([x, y]) + a * half_width * along + b * half_height * across
        for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    ]
    picture = Image.new("1", (size, size))
    ImageDraw.Draw(picture).polygon([tuple(zoom * corner + 100) for corner in corners], fill=1)
    return np.asarray(picture)


def test_rotated_boxes_overlap_as_their_pixels_do():
    generator = np.random.default_rng(1)
    boxes, others = random_boxes(generator, 4) * 0.8, random_boxes(generator, 4) * 0.8
    angles, other_angles = generator.uniform(-4, 4, 4), generator.uniform(-4, 4, 4)
    ious = rotated_box_iou(boxes, angles, others, other_angles)
    masks, other_masks = (
        [drawn(*pair) for pair in zip(*pairs, strict=True)] for pairs in ((boxes, angles), (others, other_angles))
    )
    expected = np.array([[(a & b).sum() / (a | b).sum() for b in other_masks] for a in masks])
    assert ious == pytest.approx(expected, abs=0.01)
    assert (ious > 0.05).sum() >= 4  # or nothing would have been tested
    assert rotated_box_iou(others, other_angles, boxes, angles) == pytest.approx(ious.T, abs=1e-9)


def test_unrotated_boxes_and_quarter_turns_overlap_as_upright_ones():
    generator = np.random.default_rng(2)
    boxes, others = random_boxes(generator, 20), random_boxes(generator, 20)
    for turns in (0, 2, -2):
        angles = np.full(20, turns * np.pi / 2)
        assert rotated_box_iou(boxes, angles, others, np.zeros(20)) == pytest.approx(box_iou(boxes, others), abs=1e-9)
    turned = boxes[:, [1, 0, 3, 2]]  # about the centre of a square of side 0: the same as a quarter turn there
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    turned += np.tile(centres - centres[:, ::-1], 2)
    quarter = rotated_box_iou(turned, np.full(20, np.pi / 2), others, np.zeros(20))
    assert quarter == pytest.approx(box_iou(boxes, others), abs=1e-9)


def test_a_rotated_box_is_the_same_as_itself_and_as_itself_a_half_turn_further():
    generator = np.random.default_rng(3)
    boxes, angles = random_boxes(generator, 50) + 1e4, generator.uniform(-3, 3, 50)
    for further in (0, np.pi, 1e-9, -1e-12):
        assert np.diag(rotated_box_iou(boxes, angles, boxes, angles + further)) == pytest.approx(1.0, abs=1e-6)


def test_a_square_turned_by_an_eighth_shares_an_octagon_with_itself():
    square = np.array([[0.0, 0.0, 2.0, 2.0]])
    octagon = 8 * (np.sqrt(2) - 1)
    iou = rotated_box_iou(square, np.zeros(1), square, np.full(1, np.pi / 4))
    assert iou == pytest.approx(octagon / (8 - octagon), abs=1e-12)


def test_angles_turn_clockwise_on_the_screen():
    corners = rotated_corners(np.array([[0, 0, 4, 2]]), np.array([np.pi / 2]))
    assert corners[0, 0] == pytest.approx([3, -1])  # the upper left corner becomes the upper right one

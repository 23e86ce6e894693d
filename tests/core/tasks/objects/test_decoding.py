import numpy as np
import pytest
from PIL import Image

from array_head import ArrayHead, table
from core.metrics.box_iou import rotated_corners
from core.preprocessing import Placement, Preprocessing
from core.tasks.objects.decoding import decode_objects, objects_in_input

WHOLE = Placement.identity((100, 100))


def test_objects_come_in_the_order_of_their_scores_without_repetitions():
    outputs = table(
        (10, 10, 50, 50, 0.6, 1),
        (11, 10, 50, 50, 0.9, 1),  # the same object, surer
        (10, 10, 50, 50, 0.7, 2),  # of another class
        (60, 60, 90, 90, 0.02, 0),
        (0, 60, 20, 90, 0.009, 0),  # too unsure even for average precision
    )
    found = decode_objects(ArrayHead(), outputs, WHOLE)
    assert found.scores == pytest.approx([0.9, 0.7, 0.02])
    assert found.classes.tolist() == [1, 2, 0]
    assert found.boxes[0].tolist() == [11, 10, 50, 50]


def test_a_model_that_has_suppressed_itself_is_only_sorted():
    outputs = table((10, 10, 50, 50, 0.6, 1), (10, 10, 50, 50, 0.9, 1))
    assert decode_objects(ArrayHead(nms_iou=None), outputs, WHOLE).scores == pytest.approx([0.9, 0.6])


def test_only_the_best_objects_stay():
    rows = [(place, 0, place + 1, 9, 0.1 + place / 1000, 0) for place in range(80)]
    found = objects_in_input(ArrayHead(), table(*rows), (100, 100), most=30)
    assert len(found.scores) == 30 and found.scores.min() == pytest.approx(0.15)


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad", "pad-corner"])
def test_boxes_and_points_are_where_the_image_shows_them(fit):
    preprocessing = Preprocessing((96, 128), fit=fit)
    picture = Image.new("RGB", (400, 240), "black")
    picture.paste((255, 255, 255), (140, 80, 260, 160))
    seen = np.asarray(preprocessing.frame(picture).convert("L")) > 180  # the border is 114
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    box = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    outputs = table((*box, 0.9, 0, box[0], box[1], 0.8))
    found = decode_objects(ArrayHead(points=1), outputs, preprocessing.placement((240, 400)))
    assert found.boxes[0] == pytest.approx([140, 80, 260, 160], abs=3)
    assert found.keypoints[0, 0] == pytest.approx([140, 80, 0.8], abs=3)


def test_boxes_are_clipped_to_the_image_and_left_out_beyond_it():
    placement = Placement((50, 100), (100, 100), (1.0, 1.0), (0.0, 25.0))  # borders above and below
    outputs = table(
        (10, 10, 50, 50, 0.9, 0),
        (10, 0, 50, 20, 0.8, 0),  # all of it in the border
        (np.nan, 0, 50, 50, 0.7, 1),
        (20, 30, 10, 40, 0.6, 1),  # inside out
    )
    found = decode_objects(ArrayHead(), outputs, placement)
    assert found.boxes.tolist() == [[10, 0, 50, 25]]


def test_no_objects_leave_every_array_empty():
    outputs = {"objects": np.zeros((1, 0, 6 + 51 + 4)), "prototypes": np.zeros((1, 4, 8, 8))}
    found = decode_objects(ArrayHead(points=17, masks=4), outputs, WHOLE, masks=True)
    assert len(found) == 0 and found.boxes.shape == (0, 4)
    assert found.keypoints.shape == (0, 17, 3) and found.masks == ()


@pytest.mark.parametrize("angle", [0.0, 0.4, 1.9, -2.5])
@pytest.mark.parametrize("sides", [(40, 16), (16, 40)])
def test_rotated_boxes_keep_their_corners_where_both_axes_scale_alike(angle, sides):
    placement = Placement((200, 200), (100, 120), (0.5, 0.5), (10.0, 0.0))
    box = np.array([[70 - sides[0] / 2, 5 - sides[1] / 2, 70 + sides[0] / 2, 5 + sides[1] / 2]])
    found = decode_objects(ArrayHead(rotated=True), table((*box[0], 0.9, 0, angle)), placement)
    expected = placement.points_to_image(rotated_corners(box, np.array([angle])).astype(np.float32))
    # Beyond the edge too: clipping would move the centre.
    assert rotated_corners(found.boxes, found.angles) == pytest.approx(expected, abs=1e-3)


def test_stretched_rotated_boxes_keep_their_centre_their_long_axis_and_their_area():
    placement = Placement((200, 100), (100, 100), (1.0, 0.5), (0.0, 0.0))
    angle = 0.6
    found = decode_objects(ArrayHead(rotated=True), table((30, 40, 70, 50, 0.9, 0, angle)), placement)
    width, height = (found.boxes[0, 2:] - found.boxes[0, :2]).tolist()
    assert width * height == pytest.approx(2 * 40 * 10, rel=1e-4)
    assert ((found.boxes[0, :2] + found.boxes[0, 2:]) / 2).tolist() == pytest.approx([50, 90])
    assert np.tan(found.angles[0]) == pytest.approx(2 * np.tan(angle), rel=1e-4)
    assert width == pytest.approx(40 * np.hypot(np.cos(angle), 2 * np.sin(angle)), rel=1e-4)

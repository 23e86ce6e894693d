import numpy as np
import pytest

from core.common.text import say
from core.preprocessing import Placement, Preprocessing
from core.tasks.keypoints import Coordinates, Heatmaps, KeypointDetection, SimCC
from core.tasks.predictions import Keypoints, ObjectTruth, TextTruth

SIZE = (64, 48)


def gaussian(x, y, shape, sigma=2.0):
    rows, columns = np.indices(shape)
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2)).astype(np.float32)


def simple(outputs):
    return KeypointDetection(Coordinates("y", dimensions=2, in_pixels=True), 3, reason=say("Done.")).decode(
        {"y": np.array([outputs], np.float32)}, Placement.identity(SIZE)
    )


def test_a_heatmaps_peak_moves_a_quarter_cell_towards_its_higher_neighbour():
    maps = np.stack([gaussian(4.3, 7.8, (16, 12)), gaussian(6.0, 3.0, (16, 12))])[None]
    points, scores = Heatmaps("y")({"y": maps}, SIZE)
    assert points.tolist() == [[4 * 4.25, 4 * 7.75], [24.0, 12.0]]
    assert scores == pytest.approx(maps.max(axis=(2, 3))[0])


def test_a_peak_at_the_edge_stays_there():
    maps = np.zeros((1, 1, 16, 12), np.float32)
    maps[0, 0, 0, 11] = 1
    assert Heatmaps("y")({"y": maps}, SIZE)[0].tolist() == [[44.0, 0.0]]


def test_simcc_divides_its_bins_by_those_of_one_pixel_and_takes_the_lower_score():
    x, y = np.zeros((1, 2, 96), np.float32), np.zeros((1, 2, 128), np.float32)
    x[0, 0, 31], y[0, 0, 50], x[0, 1, 0], y[0, 1, 127] = 0.9, 0.7, 0.5, 0.6
    points, scores = SimCC("x", "y")({"x": x, "y": y}, SIZE)
    assert points.tolist() == [[15.5, 25.0], [0.0, 63.5]] and scores == pytest.approx([0.7, 0.5])


def test_shares_become_pixels_and_a_third_number_is_left_out():
    values = np.array([[[0.5, 0.25, 9.0], [1.0, 0.0, 9.0]]], np.float32)
    points, _ = Coordinates("y", dimensions=3, in_pixels=False)({"y": values}, SIZE)
    assert points.tolist() == [[24.0, 16.0], [48.0, 0.0]]


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad", "pad-corner"])
def test_points_go_back_to_the_pixels_of_the_image(fit):
    placement = Preprocessing((64, 48), fit=fit).placement((200, 100))
    there = np.array([[30.0, 80.0], [60.0, 120.0], [50.0, 100.0]])
    inside = there * np.array(placement.scale) + np.array(placement.offset)
    task = KeypointDetection(Coordinates("y", dimensions=2, in_pixels=True), 3, reason=say("Done."))
    assert task.decode({"y": inside[None]}, placement).points == pytest.approx(there, abs=1e-3)


def test_agreement_is_the_oks_to_the_sources_points():
    task = KeypointDetection(Coordinates("y", dimensions=2, in_pixels=True), 3, reason=say("Done."))
    source, moved = simple([[10, 10], [40, 10], [10, 50]]), simple([[10, 10], [43, 14], [10, 50]])
    metric = task.agreement()
    sigma = 2 * task._sigmas[1]
    expected = (2 + np.exp(-25 / (2 * 30 * 40 * sigma**2))) / 3
    assert metric.update(source, moved) == pytest.approx(expected, rel=1e-5)
    agreement = metric.compute()
    assert (agreement.metric, agreement.counted) == ("oks", 3)
    assert agreement.details["mean_distance"] == pytest.approx(5 / 3)
    assert agreement.details["moved_points"] == pytest.approx(1 / 3)


def test_points_of_which_the_source_is_not_sure_count_less():
    task = KeypointDetection(Coordinates("y", dimensions=2, in_pixels=True), 3, reason=say("Done."))
    points = np.array([[10, 10], [40, 10], [10, 50]], np.float32)
    moved = points + np.array([[0, 0], [3, 4], [0, 0]], np.float32)
    source = Keypoints(points, np.array([0.9, 0.2, 0.7], np.float32), extent=30.0)
    other = Keypoints(moved, np.array([0.1, 1.0, 0.1], np.float32), extent=50.0)
    lost = np.exp(-25 / (2 * 30**2 * (2 * task._sigmas[1]) ** 2))
    assert task.agreement().update(source, other) == pytest.approx((0.9 + 0.2 * lost + 0.7) / 1.8, abs=1e-6)
    without = Keypoints(points, np.zeros(3, np.float32), extent=30.0)
    assert task.agreement().update(without, other) == pytest.approx((2 + lost) / 3, abs=1e-6)


def test_truth_counts_images_with_one_person_and_its_labelled_points():
    task = KeypointDetection(Coordinates("y", dimensions=2, in_pixels=True), 3, reason=say("Done."))
    prediction = simple([[10, 10], [40, 10], [99, 99]])
    labelled = np.array([[[10, 10, 2], [40, 10, 1], [0, 0, 0]]], np.float32)

    def truth(points):
        count = len(points)
        boxes = np.tile(np.array([[5, 5, 45, 45]], np.float32), (count, 1))
        return ObjectTruth(boxes, ("person",) * count, np.zeros(count, bool), np.full(count, 1600.0), None, points)

    metric = task.truth()
    for label in (truth(labelled), truth(np.concatenate([labelled, labelled])), TextTruth("no")):
        metric.update(prediction, label)
    (figure,) = metric.compute()
    assert (figure.metric, figure.value, figure.samples) == ("oks", pytest.approx(1.0), 1)

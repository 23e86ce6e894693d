import json

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from core.common.text import say
from core.preprocessing import Placement, Preprocessing
from core.tasks.keypoints import KeypointDetection
from core.tasks.point_decoders import Coordinates, Heatmaps, SimCC
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
    *_, figure = metric.compute()
    assert (figure.metric, figure.value, figure.samples) == ("oks", pytest.approx(1.0), 1)


def people(seed, count=30):
    """Labelled bodies, each an image of its own, and points near them: most are found, some are far off."""
    generator = np.random.default_rng(seed)
    for _ in range(count):
        points = np.zeros((1, 17, 3), np.float32)
        points[0, :, :2] = generator.uniform(10, 110, (17, 2))
        points[0, :, 2] = generator.integers(0, 3, 17)
        points[0, 0, 2] = 2
        area = float(generator.uniform(2000, 9000))
        box = np.array([[10, 10, 110, 110]], np.float32)
        truth = ObjectTruth(box, ("person",), np.zeros(1, bool), np.array([area], np.float32), keypoints=points)
        found = points[0, :, :2] + generator.normal(0, generator.choice([2.0, 9.0, 25.0]), (17, 2)).astype(np.float32)
        yield Keypoints(found, generator.uniform(0.1, 1, 17).astype(np.float32), 100.0), truth


@pytest.mark.parametrize("seed", range(3))
def test_average_precision_by_oks_is_that_of_pycocotools(tmp_path, seed):
    task = KeypointDetection(Coordinates("y", dimensions=2, in_pixels=True), 17, reason=say("Done."))
    metric, annotations, results = task.truth(), [], []
    for index, (prediction, truth) in enumerate(people(seed), start=1):
        metric.update(prediction, truth)
        entry = {"image_id": index, "category_id": 1}
        (points,) = truth.keypoints.astype(np.float64)
        labelled = {"keypoints": points.ravel().tolist(), "num_keypoints": int((points[:, 2] > 0).sum())}
        size = {"bbox": [10, 10, 100, 100], "area": float(truth.areas[0]), "iscrowd": 0}
        annotations.append({"id": index, **entry, **labelled, **size})
        found = np.column_stack([prediction.points.astype(np.float64), np.ones(17)]).ravel().tolist()
        results.append({**entry, "keypoints": found, "score": float(prediction.scores.mean())})
    images = [{"id": index + 1, "width": 120, "height": 120} for index in range(len(results))]
    data = {"info": {}, "images": images, "categories": [{"id": 1, "name": "person"}], "annotations": annotations}
    (tmp_path / "labels.json").write_text(json.dumps(data))
    (tmp_path / "found.json").write_text(json.dumps(results))
    truth = COCO(str(tmp_path / "labels.json"))
    evaluation = COCOeval(truth, truth.loadRes(str(tmp_path / "found.json")), "keypoints")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    figures = {figure.metric: figure.value for figure in metric.compute()}
    assert 0.1 < figures["oks-ap"] < 0.8 and 0.2 < figures["oks"] < 0.9
    assert figures["oks-ap"] == pytest.approx(evaluation.stats[0], abs=1e-6)
    assert figures["oks-ap-50"] == pytest.approx(evaluation.stats[1], abs=1e-6)


def test_the_difference_to_the_source_comes_with_its_interval():
    task = KeypointDetection(Coordinates("y", dimensions=2, in_pixels=True), 17, reason=say("Done."))
    source, other = task.truth(), task.truth()
    for index, (prediction, truth) in enumerate(people(0)):
        source.update(prediction, truth)
        other.update(Keypoints(prediction.points + 4 * (index % 2), prediction.scores, 100.0), truth)
    for figure in other.compute(source):
        assert figure.low <= figure.difference <= figure.high and figure.difference < 0

import json
import time

import numpy as np
import pytest
from pycocotools import mask as rle
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from core.metrics.average_precision import AveragePrecision
from core.metrics.box_iou import box_iou
from core.metrics.oks import oks, unlabelled_oks

NAMES = ("map-50-95", "map-50")
SIZE = 200


def random_images(seed, *, images=25, classes=4, crowds=True, copies=False):
    """Labelled boxes, and detections near them with wrong ones between: (true boxes, classes, crowd), (boxes, ...)."""
    generator = np.random.default_rng(seed)
    result = []
    for _ in range(images):
        count = int(generator.integers(0, 6))
        corners = generator.uniform(0, SIZE / 2, (count, 2))
        true = np.concatenate([corners, corners + generator.uniform(5, SIZE / 2, (count, 2))], axis=1)
        true_classes = generator.integers(0, classes, count)
        crowd = generator.random(count) < (0.2 if crowds else 0.0)
        near = np.repeat(true, 3, axis=0) + generator.normal(0, 4, (count * 3, 4))
        near[:, 2:] = np.maximum(near[:, 2:], near[:, :2] + 1)  # pycocotools ignores boxes of negative area
        boxes = np.concatenate([near, generator.uniform(0, 50, (10, 4)) + np.array([0, 0, 60, 60])])
        found_classes = np.concatenate([np.repeat(true_classes, 3), generator.integers(0, classes + 1, 10)])
        scores = generator.uniform(0.01, 1, len(boxes))
        if copies:
            scores = np.round(scores, 1)
            boxes = np.concatenate([np.repeat(true, 3, axis=0), boxes[count * 3 :]])
        result.append(
            (
                (true.astype(np.float32), true_classes, crowd),
                (boxes.astype(np.float32), found_classes, scores.astype(np.float32)),
            )
        )
    return result


def accumulated(images, most=100):
    metric = AveragePrecision(NAMES, most=most)
    for (true, true_classes, crowd), (boxes, classes, scores) in images:
        metric.update(scores, classes, true_classes, box_iou(boxes, true, crowd=crowd), crowd=crowd)
    return metric


def official(tmp_path, annotations, detections, images, kind):
    """pycocotools the way it is meant: two files, evaluate, accumulate, summarize."""
    categories = sorted(
        {annotation["category_id"] for annotation in annotations} | {d["category_id"] for d in detections}
    )
    labels = {
        "info": {},
        "images": [{"id": index, "width": SIZE, "height": SIZE} for index in range(images)],
        "categories": [{"id": index, "name": str(index)} for index in categories],
        "annotations": [{"id": 1 + place, **annotation} for place, annotation in enumerate(annotations)],
    }
    (tmp_path / "labels.json").write_text(json.dumps(labels))
    (tmp_path / "found.json").write_text(json.dumps(detections))
    truth = COCO(str(tmp_path / "labels.json"))
    evaluation = COCOeval(truth, truth.loadRes(str(tmp_path / "found.json")), kind)
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return evaluation.stats[:2]


def upright(boxes):
    return [[x1, y1, x2 - x1, y2 - y1] for x1, y1, x2, y2 in boxes.astype(np.float64).tolist()]


def official_boxes(tmp_path, images):
    annotations, detections = [], []
    for index, ((true, true_classes, crowd), (boxes, classes, scores)) in enumerate(images):
        for box, category, many in zip(upright(true), true_classes.tolist(), crowd.tolist(), strict=True):
            annotations.append(
                {"image_id": index, "category_id": category, "bbox": box, "area": box[2] * box[3], "iscrowd": int(many)}
            )
        for box, category, score in zip(upright(boxes), classes.tolist(), scores.tolist(), strict=True):
            detections.append({"image_id": index, "category_id": category, "bbox": box, "score": score})
    return official(tmp_path, annotations, detections, len(images), "bbox")


@pytest.mark.parametrize("copies", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_boxes_score_as_in_pycocotools_with_groups_and_with_equal_scores(tmp_path, seed, copies):
    images = random_images(seed, copies=copies)
    figures = accumulated(images).compute()
    assert [figure.value for figure in figures] == pytest.approx(official_boxes(tmp_path, images), abs=1e-9)
    assert [figure.metric for figure in figures] == list(NAMES)
    assert figures[0].samples == len(images) and figures[0].difference is None


def test_more_than_a_hundred_detections_of_a_class_are_cut_as_in_pycocotools(tmp_path):
    generator = np.random.default_rng(5)
    true = np.array([[10, 10, 60, 60], [80, 80, 120, 130], [5, 100, 45, 150]], np.float32)
    boxes = np.repeat(true, 100, axis=0) + generator.normal(0, 6, (300, 4)).astype(np.float32)
    classes = np.where(np.arange(300) < 250, 0, 1)
    images = [
        ((true, np.array([0, 0, 1]), np.zeros(3, bool)), (boxes, classes, generator.random(300).astype(np.float32)))
    ] * 2
    values = [figure.value for figure in accumulated(images).compute()]
    assert values == pytest.approx(official_boxes(tmp_path, images), abs=1e-9)


def test_masks_score_as_in_pycocotools(tmp_path):
    generator = np.random.default_rng(11)
    metric, annotations, detections = AveragePrecision(NAMES), [], []
    for index, ((true, true_classes, crowd), (boxes, classes, scores)) in enumerate(random_images(11)):
        true_masks, masks = ([ellipse(box, generator) for box in each] for each in (true, boxes))
        overlap = rle.iou(masks, true_masks, crowd.astype(int).tolist()) if len(true) else np.zeros((len(masks), 0))
        metric.update(scores, classes, true_classes, np.asarray(overlap), crowd=crowd)
        for mask, category, many in zip(true_masks, true_classes.tolist(), crowd.tolist(), strict=True):
            area, box = float(rle.area(mask)), rle.toBbox(mask).tolist()
            common = {"image_id": index, "category_id": category, "segmentation": as_json(mask)}
            annotations.append({**common, "area": area, "bbox": box, "iscrowd": int(many)})
        for mask, category, score in zip(masks, classes.tolist(), scores.tolist(), strict=True):
            detections.append(
                {"image_id": index, "category_id": category, "segmentation": as_json(mask), "score": score}
            )
    values = [figure.value for figure in metric.compute()]
    assert values == pytest.approx(official(tmp_path, annotations, detections, 25, "segm"), abs=1e-9)
    assert 0.05 < values[0] < values[1] < 1


def ellipse(box, generator):
    x1, y1, x2, y2 = box
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    shrink = generator.uniform(0.9, 1.1)
    inside = ((2 * x - x1 - x2) / (x2 - x1)) ** 2 + ((2 * y - y1 - y2) / (y2 - y1)) ** 2 <= shrink
    return rle.encode(np.asfortranarray(inside.astype(np.uint8)))


def as_json(mask):
    return {"size": mask["size"], "counts": mask["counts"].decode()}


def test_poses_score_as_in_pycocotools_with_hidden_points_and_people_without_points(tmp_path):
    generator = np.random.default_rng(3)
    metric, annotations, detections = AveragePrecision(("oks-ap", "oks-ap-50"), most=20), [], []
    for index in range(30):
        people = int(generator.integers(0, 4))
        points = np.concatenate(
            [generator.uniform(20, 150, (people, 17, 2)), generator.integers(0, 3, (people, 17, 1))], axis=2
        )
        points[generator.random(people) < 0.3, :, 2] = 0
        boxes = np.concatenate([points[..., :2].min(axis=1), points[..., :2].max(axis=1)], axis=1).reshape(-1, 4)
        areas = generator.uniform(2000, 9000, people)
        found = np.repeat(points, 9, axis=0)
        found[..., :2] += generator.normal(0, 1, found[..., :2].shape) * generator.uniform(0, 12, (len(found), 1, 1))
        scores, ignored = generator.random(len(found)), ~(points[..., 2] > 0).any(axis=1)
        similarity = oks(points, found, areas, counted=points[..., 2] > 0)
        similarity[ignored] = unlabelled_oks(boxes[ignored], found, areas[ignored])
        zeros = np.zeros(people, np.int64)
        metric.update(
            scores, np.zeros(len(found), np.int64), zeros, similarity.T, crowd=zeros.astype(bool), ignored=ignored
        )
        for person, box, area in zip(points, upright(boxes), areas, strict=True):
            row = {"image_id": index, "category_id": 0, "area": float(area), "bbox": box, "iscrowd": 0}
            visible = int((person[:, 2] > 0).sum())
            annotations.append({**row, "keypoints": person.ravel().tolist(), "num_keypoints": visible})
        for person, score in zip(found, scores.astype(np.float32).tolist(), strict=True):
            row = {"image_id": index, "category_id": 0, "score": score}
            detections.append({**row, "keypoints": person.ravel().tolist()})
    values = [figure.value for figure in metric.compute()]
    assert values == pytest.approx(official(tmp_path, annotations, detections, 30, "keypoints"), abs=1e-6)
    assert 0.05 < values[0] < values[1] < 1


def test_the_order_of_rows_does_not_matter():
    images = random_images(7)
    generator = np.random.default_rng(0)
    shuffled = []
    for true, found in images:
        true_order, order = generator.permutation(len(true[0])), generator.permutation(len(found[0]))
        shuffled.append((tuple(part[true_order] for part in true), tuple(part[order] for part in found)))
    assert accumulated(images).compute() == accumulated(shuffled).compute()


def test_the_difference_of_two_models_has_an_interval_around_it():
    images = random_images(1, images=60)
    generator = np.random.default_rng(2)
    worse = [
        (true, (boxes + generator.normal(0, 5, boxes.shape).astype(np.float32), classes, scores))
        for true, (boxes, classes, scores) in images
    ]
    source, other = accumulated(images), accumulated(worse)
    (figure, _) = other.compute(source)
    assert figure.difference == pytest.approx(figure.value - source.compute()[0].value)
    assert figure.low < figure.difference < figure.high < 0


def test_the_interval_is_the_jackknife_over_twenty_groups_evaluated_anew(tmp_path):
    images = random_images(8, images=20)
    other = random_images(9, images=20)
    mixed = [(true, found) for (true, _), (_, found) in zip(images, other, strict=True)]
    (figure, _) = accumulated(images).compute(accumulated(mixed))
    differences = []
    for group in range(20):
        kept = [index for index in range(20) if index != group]
        values = [official_boxes(tmp_path, [each[index] for index in kept])[0] for each in (images, mixed)]
        differences.append(values[0] - values[1])
    error = np.sqrt(19 / 20 * np.square(differences - np.mean(differences)).sum())
    assert figure.high - figure.low == pytest.approx(2 * 2.093 * error, abs=1e-6)


def test_a_model_does_not_differ_from_itself():
    images = random_images(4)
    for figure in accumulated(images).compute(accumulated(images)):
        assert (figure.difference, figure.low, figure.high) == (0.0, 0.0, 0.0)


def test_the_interval_of_the_difference_covers_the_true_one_about_as_often_as_it_says():
    everything = random_images(21, images=600, classes=2)
    generator = np.random.default_rng(3)
    moved = [
        (true, (boxes + generator.normal(0, 2, boxes.shape).astype(np.float32), *rest))
        for true, (boxes, *rest) in everything
    ]
    true_difference = accumulated(moved).compute(accumulated(everything))[0].difference
    covered = 0
    for part in range(20):
        rows = slice(part * 30, part * 30 + 30)
        figure = accumulated(moved[rows]).compute(accumulated(everything[rows]))[0]
        covered += figure.low <= true_difference <= figure.high
    assert 16 <= covered <= 20


def test_without_labels_there_is_no_figure_and_without_detections_it_is_zero():
    assert AveragePrecision(NAMES).compute() == ()
    none, one = np.zeros(0, np.int64), np.zeros(1, np.int64)
    unlabelled = AveragePrecision(NAMES)
    unlabelled.update(np.ones(1), one, none, np.zeros((1, 0)), crowd=none.astype(bool))
    assert unlabelled.compute() == ()
    blind = AveragePrecision(NAMES)
    blind.update(np.zeros(0), none, one, np.zeros((0, 1)), crowd=np.zeros(1, bool))
    assert [figure.value for figure in blind.compute()] == [0.0, 0.0]
    (only, _) = blind.compute(blind)
    assert only.difference == 0.0 and only.low is None  # one image has no groups


def test_a_further_image_counts_after_the_figures_were_asked_for():
    images = random_images(6)
    metric = accumulated(images[:5])
    metric.compute()
    for (true, true_classes, crowd), (boxes, classes, scores) in images[5:]:
        metric.update(scores, classes, true_classes, box_iou(boxes, true, crowd=crowd), crowd=crowd)
    assert metric.compute() == accumulated(images).compute()


def test_hundreds_of_images_take_a_moment():
    images = random_images(10, images=200, classes=40)
    start = time.process_time()
    source, other = accumulated(images), accumulated(images)
    other.compute(source)
    assert time.process_time() - start < 5

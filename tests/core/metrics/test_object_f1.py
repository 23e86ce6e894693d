import time

import numpy as np
import pytest

from core.metrics.box_iou import box_iou
from core.metrics.matching import same_class
from core.metrics.object_f1 import ObjectF1


def random_pair(generator, count=8):
    corners = generator.uniform(0, 60, (count, 2))
    boxes = np.concatenate([corners, corners + generator.uniform(10, 40, (count, 2))], axis=1)
    others = np.concatenate([boxes + generator.normal(0, 5, boxes.shape), boxes[:2] + 3])
    kept = generator.permutation(len(others))[: generator.integers(0, len(others))]
    classes = generator.integers(0, 2, count)
    other_classes = np.concatenate([classes, classes[:2]])[kept]
    return (boxes, classes, generator.random(count)), (others[kept], other_classes, generator.random(len(kept)))


def plain_f1(source, other):
    """Greedy by descending IoU, in plain Python: (matched, sum of IoU, sum of the difference of scores)."""
    pairs = []
    for row, a in enumerate(source[0].tolist()):
        for column, b in enumerate(other[0].tolist()):
            width = min(a[2], b[2]) - max(a[0], b[0])
            height = min(a[3], b[3]) - max(a[1], b[1])
            if source[1][row] == other[1][column] and width > 0 and height > 0:
                area = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - width * height
                pairs.append((width * height / area, row, column))
    rows, columns, total, drift = set(), set(), 0.0, 0.0
    for iou, row, column in sorted(pairs, reverse=True):
        if iou >= 0.5 and row not in rows and column not in columns:
            rows.add(row)
            columns.add(column)
            total, drift = total + iou, drift + other[2][column] - source[2][row]
    return len(rows), total, drift


def add(metric, source, other):
    similarity = box_iou(source[0], other[0]) * same_class(source[1], other[1])
    return metric.update(similarity, source[2], other[2])


def test_counts_are_those_of_a_plain_computation():
    generator = np.random.default_rng(0)
    metric, sums = ObjectF1("box-f1"), np.zeros(5)
    for _ in range(40):
        source, other = random_pair(generator)
        matched, iou, drift = plain_f1(source, other)
        own = add(metric, source, other)
        assert own == pytest.approx(2 * matched / (len(source[0]) + len(other[0])))
        sums += matched, len(source[0]), len(other[0]), iou, drift
    matched, found, others, iou, drift = sums
    agreement = metric.compute()
    assert agreement.value == pytest.approx(2 * matched / (found + others))
    assert agreement.low < agreement.value < agreement.high
    assert (agreement.metric, agreement.samples, agreement.counted) == ("box-f1", 40, found)
    assert agreement.details == pytest.approx(
        {
            "precision": matched / others,
            "recall": matched / found,
            "mean_iou": iou / matched,
            "score_drift": drift / matched,
            "found": others,
        }
    )


def test_the_order_of_the_objects_does_not_matter():
    generator = np.random.default_rng(1)
    straight, shuffled = ObjectF1("box-f1"), ObjectF1("box-f1")
    for _ in range(20):
        source, other = random_pair(generator)
        add(straight, source, other)
        orders = [generator.permutation(len(each[0])) for each in (source, other)]
        add(
            shuffled,
            *(tuple(part[order] for part in each) for each, order in zip((source, other), orders, strict=True)),
        )
    first, second = straight.compute(), shuffled.compute()
    assert second.value == first.value and second.details == pytest.approx(first.details)


def test_f1_is_the_same_whichever_model_is_the_source():
    generator = np.random.default_rng(2)
    forward, backward = ObjectF1("box-f1"), ObjectF1("box-f1")
    for _ in range(20):
        source, other = random_pair(generator)
        assert add(forward, source, other) == add(backward, other, source)
    a, b = forward.compute(), backward.compute()
    assert (a.value, a.low, a.high) == (b.value, b.low, b.high)
    assert a.details["score_drift"] == pytest.approx(-b.details["score_drift"])


def test_images_where_neither_finds_anything_agree_and_change_no_count():
    metric = ObjectF1("box-f1")
    empty = np.zeros((0, 4)), np.zeros(0, int), np.zeros(0)
    one = np.array([[0, 0, 9, 9]]), np.zeros(1, int), np.ones(1)
    assert add(metric, empty, empty) == 1.0
    assert metric.compute() is None
    assert add(metric, one, one) == 1.0
    assert metric.compute().value == 1.0 and metric.compute().samples == 2


def test_what_only_one_of_them_finds_is_a_disagreement():
    empty = np.zeros((0, 4)), np.zeros(0, int), np.zeros(0)
    one = np.array([[0, 0, 9, 9]]), np.zeros(1, int), np.ones(1)
    for source, other, counted in ((empty, one, 0), (one, empty, 1)):
        metric = ObjectF1("box-f1")
        assert add(metric, source, other) == 0.0
        agreement = metric.compute()
        assert agreement.value == 0.0 and agreement.counted == counted
        assert agreement.details["precision"] == agreement.details["recall"] == 0.0
        assert "mean_iou" not in agreement.details


def test_further_details_are_handed_on():
    metric = ObjectF1("mask-f1", similarity="mean_oks")
    one = np.array([[0, 0, 9, 9]]), np.zeros(1, int), np.ones(1)
    add(metric, one, one)
    assert metric.compute({"box_f1": 0.5}).details == {
        "precision": 1.0,
        "recall": 1.0,
        "mean_oks": 1.0,
        "score_drift": 0.0,
        "found": 1.0,
        "box_f1": 0.5,
    }


def test_an_image_with_twenty_objects_takes_less_than_a_millisecond():
    generator = np.random.default_rng(4)
    pairs = [random_pair(generator, 20) for _ in range(50)]
    metric, start = ObjectF1("box-f1"), time.process_time()
    for source, other in pairs:
        add(metric, source, other)
    assert (time.process_time() - start) / len(pairs) < 1e-3

import numpy as np
import pytest

from core.metrics.average_precision import AveragePrecision
from core.tasks.objects.metrics import ObjectPrecision, TruthKind
from core.tasks.objects.object_task import box_precision
from core.tasks.objects.similarity import true_box_similarity
from core.tasks.predictions import ClassTruth, Detections, ObjectTruth

NAMES = {"cat": 0, "dog": 1}


def detections(*rows):
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Detections(table[:, :4], table[:, 4], table[:, 5].astype(np.int64))


def labels(*rows, crowd=()):
    boxes = np.array([row[:4] for row in rows], np.float32).reshape(-1, 4)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return ObjectTruth(boxes, tuple(row[4] for row in rows), np.isin(np.arange(len(rows)), crowd), areas)


def precision():
    return ObjectPrecision(NAMES.get, box_precision())


def test_labels_of_no_class_of_the_model_are_left_out():
    metric = precision()
    metric.update(detections((0, 0, 10, 10, 0.9, 0)), labels((0, 0, 10, 10, "cat"), (20, 20, 40, 40, "giraffe")))
    assert [figure.value for figure in metric.compute()] == pytest.approx([1.0, 1.0])


def test_groups_count_neither_as_found_nor_as_missed():
    metric = precision()
    metric.update(
        detections((0, 0, 10, 10, 0.7, 0), (52, 52, 60, 60, 0.9, 0), (70, 70, 80, 80, 0.8, 0)),
        labels((0, 0, 10, 10, "cat"), (50, 50, 100, 100, "cat"), crowd=[1]),
    )
    assert [figure.value for figure in metric.compute()] == pytest.approx([1.0, 1.0])


def test_labels_of_whole_images_give_no_figure():
    metric = precision()
    metric.update(detections((0, 0, 10, 10, 0.9, 0)), ClassTruth("cat"))
    assert metric.compute() == ()


def test_images_without_objects_count_what_is_found_there_as_wrong():
    metric = precision()
    metric.update(detections((0, 0, 10, 10, 0.5, 0)), labels((0, 0, 10, 10, "cat")))
    assert metric.compute()[0].value == pytest.approx(1.0)
    metric.update(detections((0, 0, 10, 10, 0.9, 0)), labels())
    (figure, _) = metric.compute()
    assert figure.value == pytest.approx(0.5) and figure.samples == 2


def test_the_difference_is_taken_kind_by_kind():
    def metric():
        poses = TruthKind(AveragePrecision(("oks-ap", "oks-ap-50")), lambda prediction, truth: None)
        boxes = TruthKind(AveragePrecision(("map-50-95", "map-50")), true_box_similarity)
        return ObjectPrecision(NAMES.get, poses, boxes)

    source, other = metric(), metric()
    for place in range(4):
        truth = labels((0, 0, 10, 10, "cat"), (20, 20, 40, 40, "dog"))
        source.update(detections((0, 0, 10, 10, 0.9, 0), (20, 20, 40, 40, 0.8, 1)), truth)
        other.update(detections((0, 0, 10, 10, 0.9, 0), *([(20, 20, 40, 40, 0.8, 1)] if place else [])), truth)
    figures = other.compute(source)
    assert [figure.metric for figure in figures] == ["map-50-95", "map-50"]
    assert all(figure.low < figure.difference < 0 for figure in figures)


def test_rotated_boxes_are_held_against_labels_by_the_upright_ones_around_them():
    quarter = detections((20, 10, 40, 50, 0.9, 1))
    turned = Detections(quarter.boxes, quarter.scores, quarter.classes, np.array([np.pi / 2], np.float32))
    assert true_box_similarity(turned, labels((10, 20, 50, 40, "dog"))) == pytest.approx(1.0)

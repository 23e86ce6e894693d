import numpy as np
import pytest
from pycocotools import mask as rle

from array_head import ArrayHead, table
from core.common.text import say
from core.preprocessing import Placement
from core.tasks.instance_segmentation import InstanceSegmentation
from core.tasks.predictions import Detections, ObjectTruth

PLACEMENT = Placement((50, 100), (100, 200), (2.0, 2.0), (0.0, 0.0))


def task():
    return InstanceSegmentation(ArrayHead(masks=2), class_names=("cat", "dog", "owl"), reason=say("It is one."))


def outputs(*rows):
    """Two prototypes: the left half of the input, and the upper half."""
    left, upper = np.full((25, 50), -1.0), np.full((25, 50), -1.0)
    left[:, :25] = 1.0
    upper[:12] = 1.0
    return {**table(*rows), "prototypes": np.stack([left, upper])[None]}


LEFT, UPPER = (20, 20, 180, 80, 0.9, 1, 9.0, 0.0), (20, 20, 180, 80, 0.8, 2, 0.0, 9.0)


def test_masks_are_decoded_in_the_pixels_of_the_image():
    prediction = task().decode(outputs(LEFT, UPPER), PLACEMENT)
    assert prediction.boxes[0].tolist() == [10, 10, 90, 40]
    left, upper = (rle.decode(mask) for mask in prediction.masks)
    assert left.shape == (50, 100)
    assert left[10:40, 10:50].all() and left.sum() == 30 * 40
    assert upper[10:24, 10:90].all() and not upper[25:].any()


def test_masks_are_drawn_as_polygons():
    data = task().to_json(task().decode(outputs(LEFT), PLACEMENT))
    ((ring,),) = data["polygons"]
    (left, top), (right, bottom) = np.min(ring, axis=0), np.max(ring, axis=0)
    assert (left, top, right, bottom) == pytest.approx((10, 10, 50, 40), abs=0.5) and len(ring) <= 8


def test_agreement_is_by_masks_and_boxes_stand_in_the_details():
    source, other = (task().decode(outputs(row), PLACEMENT) for row in (LEFT, (*UPPER[:5], 1, *UPPER[6:])))
    metric = task().agreement()
    assert metric.update(source, source) == 1.0
    assert metric.update(source, other) == 0.0  # the same box, another mask
    agreement = metric.compute()
    assert (agreement.metric, agreement.value, agreement.details["box_f1"]) == ("mask-f1", 0.5, 1.0)
    assert agreement.details["mean_iou"] == 1.0


def test_where_neither_finds_anything_there_is_no_agreement():
    empty = task().decode({**outputs(), "objects": np.zeros((1, 0, 8))}, PLACEMENT)
    metric = task().agreement()
    assert metric.update(empty, empty) == 1.0 and metric.compute() is None
    assert metric.update(empty, task().decode(outputs(LEFT), PLACEMENT)) == 0.0
    assert metric.compute().value == 0.0


def truth(*masks, with_masks=True):
    encoded = tuple(rle.encode(np.asfortranarray(mask.astype(np.uint8))) for mask in masks)
    return ObjectTruth(
        np.array([[10, 10, 90, 40]] * len(masks), np.float32),
        ("dog",) * len(masks),
        np.zeros(len(masks), bool),
        np.array([rle.area(mask) for mask in encoded], np.float32),
        encoded if with_masks else None,
    )


def test_labels_with_masks_give_figures_of_masks_and_of_boxes():
    mask = np.zeros((50, 100), bool)
    mask[10:40, 10:56] = True  # IoU 40/46
    metric = task().truth()
    metric.update(task().decode(outputs(LEFT), PLACEMENT), truth(mask))
    figures = {figure.metric: figure.value for figure in metric.compute()}
    assert figures == pytest.approx({"mask-map-50-95": 0.8, "mask-map-50": 1, "map-50-95": 1, "map-50": 1})


def test_labels_without_masks_give_figures_of_boxes_only():
    metric = task().truth()
    metric.update(task().decode(outputs(LEFT), PLACEMENT), truth(np.ones((50, 100)), with_masks=False))
    assert [figure.metric for figure in metric.compute()] == ["map-50-95", "map-50"]


def test_masks_of_another_size_match_nothing():
    metric = task().truth()
    metric.update(task().decode(outputs(LEFT), PLACEMENT), truth(np.ones((20, 20))))
    assert metric.compute()[0].value == 0.0


def test_a_hundred_objects_have_masks_at_most():
    rows = [
        (place % 18 * 10, place // 18 * 10, place % 18 * 10 + 9, place // 18 * 10 + 9, 0.9, 0, 9, 0)
        for place in range(160)
    ]
    prediction = task().decode(outputs(*rows), PLACEMENT)
    assert isinstance(prediction, Detections) and len(prediction.masks) == 100

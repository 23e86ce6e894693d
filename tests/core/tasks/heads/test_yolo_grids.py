import math

import numpy as np
import pytest

from core.tasks.heads.yolo_grids import recognize
from head_evidence import SIZE, check, evidence

CLASSES = 4
V5 = {8: ((10, 13), (16, 30), (33, 23)), 16: ((30, 61), (62, 45), (59, 119)), 32: ((116, 90), (156, 198), (373, 326))}
V7 = {8: ((12, 16), (19, 36), (40, 28)), 16: ((36, 75), (76, 55), (72, 146)), 32: ((142, 110), (192, 243), (459, 401))}
TINY = {16: ((10, 14), (23, 27), (37, 58)), 32: ((81, 82), (135, 169), (344, 319))}
STRETCH = {8: 1.2, 16: 1.1, 32: 1.05}
PLACES = [(8, 0, 3, 5), (8, 2, 11, 19), (16, 1, 2, 7), (16, 0, 5, 0), (32, 2, 1, 3), (32, 0, 2, 4)]
"""Stride, anchor, row, column."""


def sigmoid(value):
    return 1 / (1 + math.exp(-value))


def grids(anchors, *, exponential=False, stretch=None):
    """Raw values (3, h, w, 5 + classes) by stride, and the objects in them."""
    random = np.random.default_rng(5)
    raw = {s: random.normal(size=(3, SIZE[0] // s, SIZE[1] // s, 5 + CLASSES)).astype(np.float32) for s in anchors}
    for values in raw.values():
        values[..., 4] = -6
    objects = []
    for index, (stride, anchor, row, column) in enumerate(place for place in PLACES if place[0] in anchors):
        cell = raw[stride][anchor, row, column]
        cell[4:] = [2 + 0.3 * index] + [-3] * CLASSES
        cell[5 + index % CLASSES] = 3
        x, y, w, h = (float(value) for value in cell[:4])
        width, height = anchors[stride][anchor]
        if exponential:
            factor = (stretch or {}).get(stride, 1.0)
            place = [sigmoid(value) * factor - (factor - 1) / 2 for value in (x, y)]
            size = (width * math.exp(w), height * math.exp(h))
        else:
            place = [2 * sigmoid(value) - 0.5 for value in (x, y)]
            size = (width * (2 * sigmoid(w)) ** 2, height * (2 * sigmoid(h)) ** 2)
        cx, cy = (column + place[0]) * stride, (row + place[1]) * stride
        box = (cx - size[0] / 2, cy - size[1] / 2, cx + size[0] / 2, cy + size[1] / 2)
        objects.append((box, sigmoid(cell[4]) * sigmoid(3), index % CLASSES))
    return raw, objects


def five_axes(raw):
    return {f"out{s}": values[None] for s, values in raw.items()}


def four_axes(raw):
    return {
        f"out{s}": values.transpose(0, 3, 1, 2).reshape(1, 3 * (5 + CLASSES), *values.shape[1:3])
        for s, values in raw.items()
    }


def anchors_last(raw):
    return {f"out{s}": values.transpose(1, 2, 0, 3)[None] for s, values in raw.items()}


SILU = {"Sigmoid": 57, "Mul": 57, "MaxPool": 3, "Add": 7}
SILU_V7 = {"Sigmoid": 57, "Mul": 57, "MaxPool": 8}
LEAKY = {"LeakyRelu": 70, "Add": 23}
MISH = {"Softplus": 70, "Tanh": 70, "Mul": 70, "LeakyRelu": 30}


@pytest.mark.parametrize(
    ("name", "anchors", "exponential", "stretch", "layout", "how"),
    [
        ("YOLOv5", V5, False, None, five_axes, {"operators": SILU}),
        ("YOLOv5", V5, False, None, four_axes, {"file": "yolov5s.onnx"}),
        ("YOLOv7", V7, False, None, five_axes, {"operators": SILU_V7}),
        ("YOLOv7", V7, False, None, five_axes, {"file": "yolov7.onnx"}),
        ("YOLOv3", V5, True, None, four_axes, {"operators": LEAKY}),
        ("YOLOv3", TINY, True, None, four_axes, {"file": "yolov3-tiny.onnx"}),
        ("YOLOv4", V7, True, STRETCH, four_axes, {"operators": MISH}),
        ("YOLOv4", V7, True, STRETCH, anchors_last, {}),
    ],
)
def test_each_family_has_its_own_formula_and_anchors(name, anchors, exponential, stretch, layout, how):
    raw, objects = grids(anchors, exponential=exponential, stretch=stretch)
    outputs = layout(raw)
    head = recognize(evidence(outputs, **how))
    assert (head.name, head.class_count) == (name, CLASSES)
    check(head.decode(outputs, SIZE, least=0.3), objects)
    # The order of the outputs does not matter.
    backwards = dict(reversed(outputs.items()))
    check(recognize(evidence(backwards, **how)).decode(outputs, SIZE, least=0.3), objects)


def test_ultralytics_own_yolov3_decodes_as_yolov5():
    raw, objects = grids(V5)
    head = recognize(evidence(five_axes(raw), file="yolov3.onnx", operators=SILU))
    check(head.decode(five_axes(raw), SIZE, least=0.3), objects)


def test_values_after_the_sigmoid_are_seen():
    raw, objects = grids(V5)
    outputs = {name: 1 / (1 + np.exp(-value)) for name, value in four_axes(raw).items()}
    head = recognize(evidence(outputs, operators=SILU))
    assert head.activated
    check(head.decode(outputs, SIZE, least=0.3), objects)


def test_scores_after_the_sigmoid_beside_raw_boxes_are_seen():
    raw, objects = grids(V7, exponential=True, stretch=STRETCH)
    for values in raw.values():
        values[..., 4:] = 1 / (1 + np.exp(-values[..., 4:]))
    check(recognize(evidence(anchors_last(raw))).decode(anchors_last(raw), SIZE, least=0.3), objects)


def test_nothing_found_is_no_error():
    outputs = five_axes(grids(V5)[0])
    head = recognize(evidence(outputs))
    assert head.decode(outputs, SIZE, least=0.9999).boxes.shape == (0, 4)
    assert len(head.decode(outputs, SIZE, least=0.0).scores) == 3 * (12 * 20 + 6 * 10 + 3 * 5)


def test_other_maps_are_not_mistaken():
    raw, _ = grids(V5)
    outputs = four_axes(raw)
    random = np.random.default_rng(0)
    features = {f"p{s}": random.normal(size=(1, 96, SIZE[0] // s, SIZE[1] // s)).astype(np.float32) for s in V5}
    assert recognize(evidence(features)) is None  # a feature pyramid: its values are no objectness
    assert recognize(evidence({"map": random.normal(size=(1, 27, *SIZE)).astype(np.float32)})) is None
    assert recognize(evidence({"one": outputs["out8"]})) is None
    assert recognize(evidence({**outputs, "more": np.zeros((1, 10), np.float32)})) is None
    assert recognize(evidence({"a": outputs["out8"], "b": outputs["out8"], "c": outputs["out8"]})) is None
    assert recognize(evidence(outputs, names=("one", "two"))) is None
    assert recognize(evidence(outputs, size=None)) is None
    assert recognize(evidence(outputs, names="abcd")).class_count == CLASSES

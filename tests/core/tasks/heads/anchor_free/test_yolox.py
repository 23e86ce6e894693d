import math

import numpy as np
import pytest

from core.tasks.heads.anchor_free.yolox import recognize
from core.tasks.heads.recognize_head import recognize_head
from head_evidence import SIZE, centre_and_size, check, evidence, known_objects
from head_grids import boxes_of_cells, logit, low_scores, maps, named, spread

CLASSES = 3
CELLS = boxes_of_cells()
OBJECTS = known_objects(6, CLASSES, seed=3)


def raw_rows(cells=CELLS):
    """x, y, w, h, objectness and class scores for each cell; the objects are in some of them."""
    random = np.random.default_rng(1)
    rows = np.concatenate(
        (random.normal(0, 0.7, (len(cells), 4)), low_scores(len(cells), 1 + CLASSES)), axis=1, dtype=np.float32
    )
    for index, (box, score, label) in zip(spread(len(OBJECTS), len(cells)), OBJECTS, strict=True):
        stride, row, column, _ = cells[index]
        x, y, width, height = centre_and_size(box)
        rows[index, :4] = x / stride - column, y / stride - row, math.log(width / stride), math.log(height / stride)
        rows[index, 4] = math.sqrt(score)
        rows[index, 5 + label] = math.sqrt(score)
    return rows


def mmdetection(rows, activated=False):
    scores = rows[:, 4:] if activated else np.vectorize(logit)(rows[:, 4:])
    classes, boxes, objectness = maps(scores[:, 1:]), maps(rows[:, :4]), maps(scores[:, :1])
    return {**named("cls", classes), **named("box", boxes), **named("obj", objectness)}


@pytest.mark.parametrize(
    "outputs",
    [{"output": raw_rows()[None]}, named("level", maps(raw_rows())), mmdetection(raw_rows())],
    ids=["one output", "one for each stride", "MMDetection"],
)
def test_boxes_are_shifts_and_logarithms_in_strides(outputs):
    head = recognize(evidence(outputs))
    assert (head.name, head.class_count) == ("YOLOX", CLASSES)
    check(head.decode(outputs, SIZE, least=0.1), OBJECTS)
    check(head.decode(outputs, SIZE, least=0.6), [each for each in OBJECTS if each[1] >= 0.6])
    assert recognize_head(evidence(outputs)) == head


def test_mmdetections_outputs_may_be_activated_and_in_another_order():
    outputs = dict(sorted(mmdetection(raw_rows(), activated=True).items(), key=lambda item: item[0][-1]))
    check(recognize(evidence(outputs)).decode(outputs, SIZE, least=0.1), OBJECTS)


def test_a_fourth_stride_is_seen():
    cells = boxes_of_cells(strides=(8, 16, 32, 64))
    outputs = {"output": raw_rows(cells)[None]}
    assert recognize(evidence(outputs)).strides == (8, 16, 32, 64)
    check(recognize(evidence(outputs)).decode(outputs, SIZE, least=0.1), OBJECTS)


def test_decoded_boxes_are_left_to_the_other_head():
    rows = raw_rows()
    for values, (stride, row, column, _) in zip(rows, CELLS, strict=True):
        values[:2] = (values[0] + column) * stride, (values[1] + row) * stride
        values[2:4] = math.exp(values[2]) * stride, math.exp(values[3]) * stride
    assert recognize(evidence({"output": rows[None]})) is None
    assert recognize_head(evidence({"output": rows[None]}, names="abc")).name == "YOLOX"


def test_what_is_no_yolox_is_not_mistaken():
    random = np.random.default_rng(0)
    tokens = random.normal(size=(1, len(CELLS), 5 + CLASSES)).astype(np.float32)
    assert recognize(evidence({"tokens": tokens})) is None
    text = np.exp(tokens) / np.exp(tokens).sum(axis=2, keepdims=True)
    assert recognize(evidence({"text": text})) is None
    assert recognize(evidence({"more": raw_rows()[None, 1:]})) is None
    assert recognize(evidence({"one": raw_rows()[None]}, size=None)) is None
    features = {f"p{stride}": random.normal(size=(1, 96, SIZE[0] // stride, SIZE[1] // stride)) for stride in (8, 16)}
    assert recognize(evidence(features)) is None


def test_nothing_found_is_no_error():
    outputs = mmdetection(raw_rows())
    assert recognize(evidence(outputs)).decode(outputs, SIZE, least=0.999).boxes.shape == (0, 4)
    assert len(recognize(evidence(outputs)).decode(outputs, SIZE, least=0.0).scores) == len(CELLS)

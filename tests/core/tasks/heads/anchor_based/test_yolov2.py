import math
from dataclasses import replace

import numpy as np
import pytest

from core.tasks.heads.anchor_based.yolov2 import recognize
from core.tasks.heads.recognize_head import recognize_head
from head_evidence import check, evidence
from head_grids import boxes_of_cells, maps, sigmoid, softmax, spread

SIZE = (96, 160)
TINY_VOC = (1.08, 1.19, 3.42, 4.41, 6.63, 11.38, 9.42, 5.11, 16.62, 10.52)
VOC = (1.3221, 1.73145, 3.19275, 4.00944, 5.05587, 8.09892, 9.47112, 4.84053, 11.2364, 10.0071)
COCO = (0.57273, 0.677385, 1.87446, 2.06253, 3.33843, 5.47434, 7.88282, 3.52778, 9.77052, 9.16828)


def detector(anchors, classes):
    random = np.random.default_rng(4)
    cells = boxes_of_cells(SIZE, (32,), per_cell=5)
    rows = random.normal(0, 1, (len(cells), 5 + classes))
    rows[:, 4] = -6
    objects = []
    for number, index in enumerate(spread(6, len(cells))):
        _, row, column, anchor = cells[index]
        label = number % classes
        rows[index, 4], rows[index, 5 + label] = 3 - 0.4 * number, 12
        x, y, w, h = rows[index, :4]
        cx, cy = (column + sigmoid(x)) * 32, (row + sigmoid(y)) * 32
        width, height = anchors[2 * anchor] * math.exp(w) * 32, anchors[2 * anchor + 1] * math.exp(h) * 32
        box = (cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2)
        objects.append((box, sigmoid(rows[index, 4]) * softmax(rows[index, 5:])[label], label))
    return {"grid": maps(rows, SIZE, (32,), per_cell=5)[32]}, objects


@pytest.mark.parametrize(
    ("anchors", "classes", "parameters"),
    [(TINY_VOC, 20, 15_800_000), (VOC, 20, 50_600_000), (COCO, 80, 11_000_000), (COCO, 3, 11_000_000)],
)
def test_anchors_are_those_of_the_model(anchors, classes, parameters):
    outputs, objects = detector(anchors, classes)
    known = evidence(outputs, names=() if classes in (20, 80) else "abc")
    known = replace(known, source=replace(known.source, parameters=parameters))
    head = recognize(known)
    assert (head.name, head.class_count) == ("YOLOv2", classes)
    check(head.decode(outputs, SIZE, least=0.3), objects)
    check(head.decode(outputs, SIZE, least=0.9), [each for each in objects if each[1] >= 0.9])
    assert recognize_head(known) == head
    assert head.decode(outputs, SIZE, least=0.9999).boxes.shape == (0, 4)


def test_other_maps_are_not_mistaken():
    outputs, _ = detector(COCO, 20)
    assert recognize(evidence({"features": outputs["grid"] + 7})) is None
    assert recognize(evidence({"shares": 1 / (1 + np.exp(-outputs["grid"]))})) is None
    assert recognize(evidence({"grid": outputs["grid"][:, :120]})) is None
    assert recognize(evidence(outputs, names="abc")) is None
    assert recognize(evidence(outputs, size=(48, 80))) is None
    assert recognize(evidence(outputs, size=None)) is None

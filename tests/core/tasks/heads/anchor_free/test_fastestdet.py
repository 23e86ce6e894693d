import math

import numpy as np
import pytest

from core.tasks.heads.anchor_free.fastestdet import recognize
from core.tasks.heads.recognize_head import recognize_head
from head_evidence import SIZE, check, evidence
from head_grids import boxes_of_cells, logit, maps, sigmoid, spread

CLASSES = 5


def detector(stride=16):
    """The grid and the objects in it."""
    cells = boxes_of_cells(strides=(stride,))
    random = np.random.default_rng(9)
    rows, objects = [], []
    chosen = spread(5, len(cells))
    for index, (_, row, column, _) in enumerate(cells):
        x, y, w, h = random.normal(0, 1, 4)
        shares = random.dirichlet(np.ones(CLASSES))
        objectness = 0.01
        if index in chosen:
            number = chosen.index(index)
            objectness, label = 0.95 - 0.1 * number, number % CLASSES
            shares = [0.8 if each == label else 0.05 for each in range(CLASSES)]
            cx = (column + math.tanh(x)) / (SIZE[1] / stride) * SIZE[1]
            cy = (row + math.tanh(y)) / (SIZE[0] / stride) * SIZE[0]
            half_width, half_height = sigmoid(w) * SIZE[1] / 2, sigmoid(h) * SIZE[0] / 2
            box = (cx - half_width, cy - half_height, cx + half_width, cy + half_height)
            objects.append((box, objectness**0.6 * 0.8**0.4, label))
        rows.append([objectness, x, y, w, h, *shares])
    return {"758": maps(rows, strides=(stride,))[stride]}, objects


@pytest.mark.parametrize("stride", [16, 32])
def test_boxes_are_those_of_the_formula(stride):
    outputs, objects = detector(stride)
    head = recognize(evidence(outputs))
    assert (head.name, head.class_count) == ("FastestDet", CLASSES)
    check(head.decode(outputs, SIZE, least=0.2), objects)
    check(head.decode(outputs, SIZE, least=0.7), [each for each in objects if each[1] >= 0.7])
    assert recognize_head(evidence(outputs)) == head
    assert head.decode(outputs, SIZE, least=0.999).boxes.shape == (0, 4)


def test_other_maps_are_not_mistaken():
    outputs, _ = detector()
    grid = outputs["758"]
    assert recognize(evidence({"map": np.exp(grid) / np.exp(grid).sum(axis=1, keepdims=True)})) is None
    assert recognize(evidence({"heatmaps": np.clip(grid, 0, 1)})) is None
    logits = grid.copy()
    logits[:, 5:] = logit(0.3)
    assert recognize(evidence({"logits": logits})) is None
    assert recognize(evidence({"small": grid[:, :, 1:]})) is None
    assert recognize(evidence({**outputs, "more": grid})) is None
    assert recognize(evidence(outputs, size=None)) is None

import math

import numpy as np
import pytest

from core.tasks.heads.anchor_based.retinanet import recognize
from core.tasks.heads.recognize_head import recognize_head
from head_evidence import SIZE, centre_and_size, check, evidence, known_objects
from head_grids import boxes_of_cells, logit, low_scores, maps, named, spread

CLASSES = 3
STRIDES = (8, 16, 32, 64, 128)
OBJECTS = known_objects(6, CLASSES, seed=13)


def retinanet_anchor(stride, row, column, number, offset=0.0, rounded=False):
    ratio, scale = (0.5, 1, 2)[number // 3], 4 * 2 ** (number % 3 / 3)
    width, height = stride * scale / math.sqrt(ratio), stride * scale * math.sqrt(ratio)
    if rounded:  # torchvision cuts sizes and rounds corners about the middle, and moves cells
        size = int(stride * scale)
        width, height = 2 * round(size / math.sqrt(ratio) / 2), 2 * round(size * math.sqrt(ratio) / 2)
        step_x, step_y = SIZE[1] // math.ceil(SIZE[1] / stride), SIZE[0] // math.ceil(SIZE[0] / stride)
        return (column * step_x, row * step_y, width, height)
    return ((column + offset) * stride, (row + offset) * stride, width, height)


def atss_anchor(stride, row, column, number):
    return (column * stride, row * stride, 8 * stride, 8 * stride)


def detector(anchor, per_cell=9, variances=(1, 1), quality=1.0):
    """Deltas and scores, one row for each anchor."""
    cells = boxes_of_cells(strides=STRIDES, per_cell=per_cell)
    deltas = np.random.default_rng(8).normal(0, 0.5, (len(cells), 4)).astype(np.float32)
    scores = low_scores(len(cells), CLASSES)
    for index, (box, score, label) in zip(spread(len(OBJECTS), len(cells)), OBJECTS, strict=True):
        ax, ay, aw, ah = anchor(*cells[index])
        x, y, w, h = centre_and_size(box)
        deltas[index, :2] = (x - ax) / aw / variances[0], (y - ay) / ah / variances[0]
        deltas[index, 2:] = math.log(w / aw) / variances[1], math.log(h / ah) / variances[1]
        scores[index, label] = score / quality
    return deltas, scores


def logits(scores):
    return np.vectorize(logit)(scores).astype(np.float32)


def test_mmdetection_has_nine_anchors_about_the_corner_of_a_cell():
    deltas, scores = detector(retinanet_anchor)
    outputs = {
        **named("cls", maps(logits(scores), strides=STRIDES, per_cell=9)),
        **named("reg", maps(deltas, strides=STRIDES, per_cell=9)),
    }
    head = recognize(evidence(outputs))
    assert (head.name, head.class_count) == ("RetinaNet", CLASSES)
    check(head.decode(outputs, SIZE, least=0.2), OBJECTS)
    check(head.decode(outputs, SIZE, least=0.7), [each for each in OBJECTS if each[1] >= 0.7])
    assert recognize_head(evidence(outputs)) == head


def test_torchvision_rounds_its_anchors():
    deltas, scores = detector(lambda *cell: retinanet_anchor(*cell, rounded=True))
    outputs = {"cls_logits": logits(scores)[None], "bbox_regression": deltas[None]}
    head = recognize(evidence(outputs))
    check(head.decode(outputs, SIZE, least=0.2), OBJECTS)
    assert recognize_head(evidence(outputs)) == head


def test_scores_after_the_sigmoid_come_with_variances_and_anchors_in_the_middle():
    deltas, scores = detector(lambda *cell: retinanet_anchor(*cell, offset=0.5), variances=(0.1, 0.2))
    outputs = {"classification": scores[None], "regression": deltas[None]}
    check(recognize(evidence(outputs)).decode(outputs, SIZE, least=0.2), OBJECTS)


def test_atss_has_one_anchor_and_a_centerness():
    deltas, scores = detector(atss_anchor, 1, (0.1, 0.2), quality=0.98)
    outputs = {
        **named("cls", maps(logits(scores), strides=STRIDES)),
        **named("reg", maps(deltas, strides=STRIDES)),
        **named("centerness", maps([[logit(0.98)]] * len(scores), strides=STRIDES)),
    }
    head = recognize(evidence(outputs))
    assert (head.name, head.class_count) == ("ATSS", CLASSES)
    check(head.decode(outputs, SIZE, least=0.2), OBJECTS)
    assert recognize_head(evidence(outputs)) == head
    assert head.decode(outputs, SIZE, least=0.999).boxes.shape == (0, 4)


def test_other_outputs_are_not_mistaken():
    deltas, scores = detector(retinanet_anchor)
    outputs = {"cls": logits(scores)[None], "reg": deltas[None]}
    corners = np.concatenate((deltas[:, :2], deltas[:, :2] + 1), axis=1)[None]
    assert recognize(evidence({**outputs, "reg": corners})) is None
    assert recognize(evidence({"cls": outputs["cls"][:, 1:], "reg": outputs["reg"][:, 1:]})) is None
    assert recognize(evidence({"cls": outputs["cls"], "tokens": np.repeat(outputs["reg"], 2, axis=2)})) is None
    assert recognize(evidence(outputs, size=None)) is None
    three = {
        **named("cls", maps(logits(scores)[: len(boxes_of_cells(per_cell=9))], per_cell=9)),
        **named("reg", maps(deltas[: len(boxes_of_cells(per_cell=9))], per_cell=9)),
    }
    assert recognize(evidence(three)) is None


@pytest.mark.parametrize("classes", [4])
def test_four_classes_look_like_boxes(classes):
    deltas, scores = detector(lambda *cell: retinanet_anchor(*cell, rounded=True))
    four = np.concatenate((logits(scores), np.full((len(scores), 1), -6, np.float32)), axis=1)
    outputs = {"cls_logits": four[None], "bbox_regression": deltas[None]}
    assert recognize(evidence(outputs)).class_count == classes
    check(recognize(evidence(outputs)).decode(outputs, SIZE, least=0.2), OBJECTS)

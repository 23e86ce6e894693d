import math

import numpy as np

from core.tasks.heads.faces.yunet import recognize
from core.tasks.heads.recognize_head import recognize_head
from head_evidence import centre_and_size, evidence
from head_faces import check_decodes, known_faces
from head_grids import boxes_of_cells, lists, low_scores, named, spread

FACES = known_faces(seed=51)


def detector():
    cells = boxes_of_cells()
    random = np.random.default_rng(0)
    classes, objectness = low_scores(len(cells), 1), low_scores(len(cells), 1, seed=1)
    boxes, points = random.normal(size=(len(cells), 4)), random.normal(size=(len(cells), 10))
    for index, (box, score, _, places) in zip(spread(len(FACES), len(cells)), FACES, strict=True):
        stride, row, column, _ = cells[index]
        x, y, w, h = centre_and_size(box)
        classes[index], objectness[index] = 0.98, score**2 / 0.98
        boxes[index] = x / stride - column, y / stride - row, math.log(w / stride), math.log(h / stride)
        points[index] = [value for px, py in places for value in (px / stride - column, py / stride - row)]
    kinds = {"cls_": classes, "obj_": objectness, "bbox_": boxes, "kps_": points}
    return {name: value for kind, rows in kinds.items() for name, value in named(kind, lists(rows)).items()}


def test_the_score_is_the_root_of_class_and_objectness():
    outputs = detector()
    head = recognize(evidence(outputs))
    assert (head.name, head.class_count) == ("YuNet", 1)
    check_decodes(head, outputs, FACES)
    assert recognize_head(evidence(outputs)) == head


def test_other_lists_are_not_mistaken():
    outputs = detector()
    assert recognize(evidence({name: value for name, value in outputs.items() if "obj" not in name})) is None
    assert recognize(evidence({**outputs, "cls_8": outputs["cls_8"] - 3})) is None
    assert recognize(evidence(outputs, size=(64, 64))) is None
    assert recognize(evidence(outputs, size=None)) is None

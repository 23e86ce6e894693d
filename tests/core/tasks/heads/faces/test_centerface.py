import math

import numpy as np

from core.tasks.heads.faces.centerface import recognize
from core.tasks.heads.recognize_head import recognize_head
from head_evidence import centre_and_size, evidence
from head_faces import check_decodes, known_faces
from head_grids import boxes_of_cells, low_scores, maps, spread

FACES = known_faces(seed=61)


def detector():
    cells = boxes_of_cells(strides=(4,))
    random = np.random.default_rng(0)
    heat = low_scores(len(cells), 1)
    sizes, offsets = random.normal(size=(len(cells), 2)), random.normal(size=(len(cells), 2))
    points = random.normal(size=(len(cells), 10))
    for index, (box, score, _, places) in zip(spread(len(FACES), len(cells)), FACES, strict=True):
        _, row, column, _ = cells[index]
        x, y, w, h = centre_and_size(box)
        heat[index] = score
        sizes[index] = math.log(h / 4), math.log(w / 4)
        offsets[index] = y / 4 - row - 0.5, x / 4 - column - 0.5
        points[index] = [share for px, py in places for share in ((py - box[1]) / h, (px - box[0]) / w)]
    kinds = {"537": heat, "538": sizes, "539": offsets, "540": points}
    return {name: maps(rows, strides=(4,))[4] for name, rows in kinds.items()}


def test_sizes_and_points_have_y_first():
    outputs = detector()
    head = recognize(evidence(outputs))
    assert (head.name, head.class_count) == ("CenterFace", 1)
    check_decodes(head, outputs, FACES)
    assert recognize_head(evidence(outputs)) == head


def test_other_maps_are_not_mistaken():
    outputs = detector()
    assert recognize(evidence({**outputs, "537": outputs["537"] * 99})) is None
    assert recognize(evidence({name: value for name, value in outputs.items() if name != "540"})) is None
    assert recognize(evidence({**outputs, "538": outputs["540"]})) is None
    assert recognize(evidence(outputs, size=(64, 64))) is None
    assert recognize(evidence(outputs, size=None)) is None

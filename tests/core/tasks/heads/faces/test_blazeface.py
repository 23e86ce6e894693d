import numpy as np
import pytest

from core.tasks.heads.faces.blazeface import recognize
from core.tasks.heads.recognize_head import recognize_head
from head_evidence import centre_and_size, evidence
from head_faces import check_decodes, known_faces
from head_grids import logit, spread


def detector(side, anchors, points):
    places = [
        ((column + 0.5) * stride, (row + 0.5) * stride)
        for stride, number in anchors
        for row in range(side // stride)
        for column in range(side // stride)
        for _ in range(number)
    ]
    faces = known_faces(size=(side, side), points=points, seed=71)
    boxes = np.random.default_rng(0).normal(0, 20, (1, len(places), 4 + 2 * points)).astype(np.float32)
    logits = np.full((1, len(places), 1), -9, np.float32)
    for index, (box, score, _, inside) in zip(spread(len(faces), len(places)), faces, strict=True):
        x, y = places[index]
        cx, cy, w, h = centre_and_size(box)
        boxes[0, index] = [cx - x, cy - y, w, h, *(way for px, py in inside for way in (px - x, py - y))]
        logits[0, index] = logit(score)
    return {"regressors": boxes, "classificators": logits}, faces


@pytest.mark.parametrize(
    ("side", "anchors", "points", "count", "name"),
    [
        (128, ((8, 2), (16, 6)), 6, 896, "BlazeFace"),
        (192, ((4, 1),), 6, 2304, "BlazeFace"),
        (256, ((16, 2), (32, 6)), 6, 896, "BlazeFace"),
        (192, ((8, 2), (16, 6)), 7, 2016, "BlazePalm"),
        (256, ((8, 2), (16, 2), (32, 6)), 7, 2944, "BlazePalm"),
        (224, ((8, 2), (16, 2), (32, 6)), 4, 2254, "BlazePose"),
    ],
)
def test_boxes_are_pixels_from_the_middle_of_a_cell(side, anchors, points, count, name):
    outputs, faces = detector(side, anchors, points)
    assert outputs["regressors"].shape[1] == count
    head = recognize(evidence(outputs, size=(side, side)))
    assert (head.name, head.class_count) == (name, 1)
    check_decodes(head, outputs, faces, size=(side, side))
    assert recognize_head(evidence(outputs, size=(side, side))) == head


def test_other_pairs_of_lists_are_not_mistaken():
    outputs, _ = detector(128, ((8, 2), (16, 6)), 6)
    assert recognize(evidence(outputs, size=(192, 192))) is None
    assert recognize(evidence(outputs, size=None)) is None
    assert recognize(evidence({**outputs, "regressors": outputs["regressors"][..., 1:]}, size=(128, 128))) is None
    assert recognize(evidence({name: value[:, 1:] for name, value in outputs.items()}, size=(128, 128))) is None
    two = np.repeat(outputs["classificators"], 2, axis=2)
    assert recognize(evidence({**outputs, "classificators": two}, size=(128, 128))) is None

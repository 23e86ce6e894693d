import numpy as np
import pytest

from core.tasks.heads.faces.scrfd import recognize
from core.tasks.heads.recognize_head import recognize_head
from head_evidence import SIZE, check, evidence
from head_faces import check_decodes, known_faces
from head_grids import boxes_of_cells, lists, low_scores, named, spread

FACES = known_faces(seed=41)
THREE, FIVE = (8, 16, 32), (8, 16, 32, 64, 128)


def detector(strides, anchors, *, batch, keypoints=True):
    cells = boxes_of_cells(strides=strides, per_cell=anchors)
    random = np.random.default_rng(0)
    scores = low_scores(len(cells), 1)
    distances, points = random.uniform(0, 4, (len(cells), 4)), random.normal(0, 2, (len(cells), 10))
    for index, (box, score, _, places) in zip(spread(len(FACES), len(cells)), FACES, strict=True):
        stride, row, column, _ = cells[index]
        x, y = column * stride, row * stride
        scores[index] = score
        distances[index] = [way / stride for way in (x - box[0], y - box[1], box[2] - x, box[3] - y)]
        points[index] = [way / stride for px, py in places for way in (px - x, py - y)]
    outputs = {}
    for kind, values in (("score", scores), ("bbox", distances), ("kps", points))[: 2 + keypoints]:
        outputs |= named(kind, lists(values, strides=strides, per_cell=anchors))
    return outputs if batch else {name: tensor[0] for name, tensor in outputs.items()}


@pytest.mark.parametrize("batch", [True, False])
@pytest.mark.parametrize(("strides", "anchors"), [(THREE, 2), (FIVE, 1)])
def test_faces_are_distances_from_the_corner_of_a_cell(strides, anchors, batch):
    outputs = detector(strides, anchors, batch=batch)
    head = recognize(evidence(outputs))
    assert (head.name, head.class_count, head.per_cell) == ("SCRFD", 1, anchors)
    check_decodes(head, outputs, FACES)
    assert recognize_head(evidence(dict(sorted(outputs.items(), key=lambda item: item[0][-1])))) is not None
    assert recognize_head(evidence(outputs)) == head


def test_models_without_keypoints_have_none():
    outputs = detector(THREE, 2, batch=False, keypoints=False)
    found = recognize(evidence(outputs)).decode(outputs, SIZE, least=0.2)
    check(found, [face[:3] for face in FACES])
    assert found.keypoints is None


def test_other_lists_are_not_mistaken():
    outputs = detector(THREE, 2, batch=True)
    assert recognize(evidence({name: value for name, value in outputs.items() if "score" not in name})) is None
    assert recognize(evidence({name: value for name, value in outputs.items() if "8" not in name})) is None
    assert recognize(evidence({**outputs, "score8": outputs["score8"] - 3})) is None
    assert recognize(evidence(outputs, size=(64, 64))) is None
    assert recognize(evidence(outputs, size=None)) is None

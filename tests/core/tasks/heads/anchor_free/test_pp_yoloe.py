import numpy as np
import pytest

from core.tasks.heads.anchor_free.pp_yoloe import recognize
from core.tasks.heads.recognize_head import recognize_head
from head_evidence import SIZE, check, evidence, known_objects
from head_grids import boxes_of_cells, low_scores, spread

CLASSES = 7
OBJECTS = known_objects(6, CLASSES, seed=11)


def detector(strides):
    cells = boxes_of_cells(strides=strides)
    boxes = np.array(
        [(column * s, row * s, column * s + s, row * s + s) for s, row, column, _ in cells], dtype=np.float32
    )
    scores = low_scores(len(cells), CLASSES)
    for index, (box, score, label) in zip(spread(len(OBJECTS), len(cells)), OBJECTS, strict=True):
        boxes[index] = box
        scores[index, label] = score
    return {"boxes": boxes[None], "scores": scores.T[None]}


@pytest.mark.parametrize(("strides", "name"), [((8, 16, 32), "PP-YOLOE"), ((8, 16, 32, 64), "PicoDet")])
def test_scores_stand_class_by_class(strides, name):
    outputs = detector(strides)
    head = recognize(evidence(outputs))
    assert (head.name, head.class_count) == (name, CLASSES)
    check(head.decode(outputs, SIZE, least=0.1), OBJECTS)
    check(head.decode(outputs, SIZE, least=0.6), [each for each in OBJECTS if each[1] >= 0.6])
    assert recognize_head(evidence(dict(reversed(outputs.items())))) == head


def test_other_pairs_of_lists_are_not_mistaken():
    outputs = detector((8, 16, 32))
    assert recognize(evidence({**outputs, "scores": outputs["scores"].transpose(0, 2, 1)})) is None
    assert recognize(evidence({**outputs, "boxes": -outputs["boxes"]})) is None
    assert recognize(evidence({**outputs, "scores": outputs["scores"] * 9})) is None
    assert recognize(evidence(outputs, size=(128, 128))) is None
    assert recognize(evidence({**outputs, "more": outputs["boxes"]})) is None

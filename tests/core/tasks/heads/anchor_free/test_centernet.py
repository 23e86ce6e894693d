import numpy as np
import pytest

from core.tasks.heads.anchor_free.centernet import recognize
from core.tasks.heads.recognize_head import recognize_head
from head_evidence import SIZE, centre_and_size, check, evidence, known_objects
from head_grids import logit

CLASSES = 3
OBJECTS = known_objects(5, CLASSES, seed=21)


def detector(logits=False):
    random = np.random.default_rng(0)
    rows, columns = SIZE[0] // 4, SIZE[1] // 4
    heatmaps = random.uniform(0.001, 0.05, (1, CLASSES, rows, columns)).astype(np.float32)
    sizes = random.uniform(0, 20, (1, 2, rows, columns)).astype(np.float32)
    offsets = random.uniform(0, 1, (1, 2, rows, columns)).astype(np.float32)
    for box, score, label in OBJECTS:
        x, y, width, height = centre_and_size(box)
        column, row = int(x // 4), int(y // 4)
        # A peak among neighbours that are lower, but high enough to be objects.
        heatmaps[0, label, row - 1 : row + 2, column - 1 : column + 2] = score * 0.9
        heatmaps[0, label, row, column] = score
        sizes[0, :, row, column] = width / 4, height / 4
        offsets[0, :, row, column] = x / 4 - column, y / 4 - row
    return {"hm": np.vectorize(logit)(heatmaps).astype(np.float32) if logits else heatmaps, "wh": sizes, "reg": offsets}


@pytest.mark.parametrize("logits", [False, True])
def test_objects_are_the_peaks(logits):
    outputs = detector(logits)
    head = recognize(evidence(outputs))
    assert (head.name, head.class_count, head.nms_iou) == ("CenterNet", CLASSES, None)
    check(head.decode(outputs, SIZE, least=0.2), OBJECTS)
    assert recognize_head(evidence(outputs)) == head
    assert head.decode(outputs, SIZE, least=0.999).boxes.shape == (0, 4)


def test_other_maps_are_not_mistaken():
    outputs = detector()
    assert recognize(evidence({"heatmaps": outputs["hm"]})) is None
    assert recognize(evidence({**outputs, "hm": np.full_like(outputs["hm"], 0.9)})) is None
    assert recognize(evidence({**outputs, "wh": outputs["hm"]})) is None
    assert recognize(evidence(outputs, size=(64, 64))) is None
    assert recognize(evidence(outputs, size=None)) is None

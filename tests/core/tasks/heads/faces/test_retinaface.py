import math

import numpy as np
import pytest

from core.tasks.heads.faces.retinaface import recognize
from core.tasks.heads.recognize_head import recognize_head
from head_evidence import SIZE, centre_and_size, evidence
from head_faces import check_decodes, known_faces
from head_grids import spread

LARGE = {8: (16, 32), 16: (64, 128), 32: (256, 512)}
SMALL = {8: (10, 16, 24), 16: (32, 48), 32: (64, 96), 64: (128, 192, 256)}
FACES = known_faces(seed=31)


def detector(sizes, *, logits=False):
    priors = [
        ((column + 0.5) * stride, (row + 0.5) * stride, side)
        for stride, sides in sizes.items()
        for row in range(math.ceil(SIZE[0] / stride))
        for column in range(math.ceil(SIZE[1] / stride))
        for side in sides
    ]
    random = np.random.default_rng(0)
    deltas, points = random.normal(size=(len(priors), 4)), random.normal(size=(len(priors), 10))
    scores = np.tile((0.99, 0.01), (len(priors), 1))
    for index, (box, score, _, places) in zip(spread(len(FACES), len(priors)), FACES, strict=True):
        px, py, side = priors[index]
        x, y, w, h = centre_and_size(box)
        deltas[index, :2] = (x - px) / (0.1 * side), (y - py) / (0.1 * side)
        deltas[index, 2:] = math.log(w / side) / 0.2, math.log(h / side) / 0.2
        points[index] = np.ravel([((x - px) / (0.1 * side), (y - py) / (0.1 * side)) for x, y in places])
        scores[index] = 1 - score, score
    scores = np.log(scores) + 2 if logits else scores
    return {
        name: values.astype(np.float32)[None]
        for name, values in (("loc", deltas), ("conf", scores), ("landms", points))
    }


@pytest.mark.parametrize("logits", [False, True])
@pytest.mark.parametrize(("sizes", "name"), [(LARGE, "RetinaFace"), (SMALL, "RetinaFace (RFB, slim)")])
def test_faces_are_corrections_of_priors(sizes, name, logits):
    outputs = detector(sizes, logits=logits)
    head = recognize(evidence(outputs))
    assert (head.name, head.class_count, head.activated) == (name, 1, not logits)
    check_decodes(head, outputs, FACES)
    assert recognize_head(evidence(dict(reversed(outputs.items())))) == head


def test_other_lists_are_not_mistaken():
    outputs = detector(LARGE)
    assert recognize(evidence({**outputs, "conf": outputs["loc"]})) is None
    assert recognize(evidence({name: value[:, 1:] for name, value in outputs.items()})) is None
    assert recognize(evidence({"loc": outputs["loc"], "conf": outputs["conf"]})) is None
    assert recognize(evidence(outputs, size=(64, 64))) is None
    assert recognize(evidence(outputs, size=None)) is None

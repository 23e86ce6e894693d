import numpy as np
import pytest

from core.tasks.heads.anchor_based.decoded_ssd import recognize
from core.tasks.heads.recognize_head import recognize_head
from head_evidence import check, evidence, known_objects
from head_grids import spread


def detector(count, size, classes):
    random = np.random.default_rng(2)
    objects = known_objects(6, classes, size=size, seed=2)
    corner, extent = random.uniform(0, 0.5, (count, 2)), random.uniform(0.01, 0.4, (count, 2))
    boxes = np.concatenate((corner, corner + extent), axis=1).astype(np.float32)
    scores = np.full((count, classes + 1), 0.01, np.float32)
    scores[:, 0] = 1 - 0.01 * classes
    for index, (box, score, label) in zip(spread(len(objects), count), objects, strict=True):
        boxes[index] = [value / side for value, side in zip(box, (size[1], size[0]) * 2, strict=True)]
        scores[index] = 0
        scores[index, label + 1], scores[index, 0] = score, 1 - score
    return {"scores": scores[None], "boxes": boxes[None]}, objects


@pytest.mark.parametrize(("size", "count"), [((240, 320), 4420), ((480, 640), 17640)])
def test_ultraface_has_shares_of_background_and_face(size, count):
    outputs, objects = detector(count, size, 1)
    head = recognize(evidence(outputs, size=size))
    assert (head.name, head.class_count, head.nms_iou) == ("UltraFace", 1, 0.3)
    check(head.decode(outputs, size, least=0.2), objects)
    check(head.decode(outputs, size, least=0.7), [each for each in objects if each[1] >= 0.7])
    assert recognize_head(evidence(outputs, size=size)) == head
    assert head.decode(outputs, size, least=0.999).boxes.shape == (0, 4)


def test_pytorch_ssd_has_more_classes():
    size = (300, 300)
    outputs, objects = detector(3000, size, 20)
    head = recognize(evidence(outputs, size=size))
    assert (head.name, head.class_count) == ("MobileNet-SSD", 20)
    check(head.decode(outputs, size, least=0.2), objects)
    named = recognize(evidence(outputs, size=size, names=["BACKGROUND", *map(str, range(20))]))
    check(named.decode(outputs, size, least=0.2), [(box, score, label + 1) for box, score, label in objects])
    assert recognize_head(evidence(outputs, size=size)) == head


def test_other_pairs_of_lists_are_not_mistaken():
    outputs, _ = detector(4420, (240, 320), 1)
    deltas = np.random.default_rng(0).normal(size=outputs["boxes"].shape).astype(np.float32)
    assert recognize(evidence({**outputs, "boxes": deltas}, size=(240, 320))) is None
    assert recognize(evidence({**outputs, "boxes": outputs["boxes"] * 320}, size=(240, 320))) is None
    assert recognize(evidence({**outputs, "scores": outputs["scores"] * 0.5}, size=(240, 320))) is None
    assert recognize(evidence(outputs, size=(256, 320))) is None
    assert recognize(evidence(outputs, size=None)) is None
    assert recognize(evidence({"boxes": outputs["boxes"]}, size=(240, 320))) is None

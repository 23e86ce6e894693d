import numpy as np
import pytest

from core.tasks.heads.yolov5 import recognize
from head_evidence import SIZE, cells, centre_and_size, check, evidence, known_objects

CLASSES = 6
OBJECTS = known_objects(8, CLASSES)


def output(objects=OBJECTS, *, per_cell=3, classes=CLASSES, objectness=0.8, extras=0):
    """(1, boxes, 5 + classes + extras): the score of an object is the product of its objectness and its class score."""
    rows = []
    random = np.random.default_rng(2)
    for stride, row, column in cells() * per_cell:
        box = ((column + 0.5) * stride, (row + 0.5) * stride, stride * 2.0, stride * 3.0)
        rows.append([*box, 0.01, *random.uniform(0, 1, classes), *random.normal(size=extras)])
    for index, (box, score, label) in enumerate(objects):
        scores = [score / objectness if label == other else 0.1 for other in range(classes)]
        rows[2 * index] = [*centre_and_size(box), objectness, *scores, *random.normal(size=extras)]
    return np.array([rows], np.float32)


# An objectness of 0.8 allows no higher score.
WEAKER = [(box, score * 0.8, label) for box, score, label in OBJECTS]


def test_scores_are_products_of_objectness_and_class():
    outputs = {"output0": output(WEAKER)}
    head = recognize(evidence(outputs))
    assert (head.name, head.class_count, head.nms_iou, head.default_score) == ("YOLOv5", CLASSES, 0.45, 0.25)
    check(head.decode(outputs, SIZE, least=0.1), WEAKER)
    assert len(head.decode(outputs, SIZE, least=0.7).scores) == sum(score >= 0.7 for _, score, _ in WEAKER)
    assert head.decode(outputs, SIZE, least=0.99).boxes.shape == (0, 4)


def test_raw_grids_beside_the_decoded_boxes_are_left_aside():
    raw = {f"raw{s}": np.zeros((1, 3, SIZE[0] // s, SIZE[1] // s, 5 + CLASSES), np.float32) for s in (8, 16, 32)}
    outputs = {"output": output(WEAKER), **raw}
    check(recognize(evidence(outputs)).decode(outputs, SIZE, least=0.1), WEAKER)


def test_shares_of_the_input_become_pixels():
    values = output(WEAKER)
    values[0, :, :4] /= SIZE[1], SIZE[0], SIZE[1], SIZE[0]
    head = recognize(evidence({"o": values}))
    check(head.decode({"o": values}, SIZE, least=0.1), WEAKER)


def test_masks_come_with_their_prototypes():
    outputs = {"o": output(WEAKER, extras=32), "p": np.ones((1, 32, 24, 40), np.float32)}
    head = recognize(evidence(outputs))
    found = head.decode(outputs, SIZE, least=0.1)
    assert head.name == "YOLOv5-seg" and head.class_count == CLASSES
    check(found, WEAKER)
    assert np.array_equal(found.mask_weights[1], outputs["o"][0, 2, -32:]) and found.prototypes.shape == (32, 24, 40)


def test_an_objectness_of_one_throughout_is_yolov6():
    values = output(per_cell=1, objectness=1.0)
    values[0, :, 5:] *= np.where(values[0, :, 4:5] < 1, 0.01, 1)
    values[0, :, 4] = 1
    head = recognize(evidence({"outputs": values}))
    assert (head.name, head.nms_iou, head.default_score) == ("YOLOv6", 0.45, 0.4)
    check(head.decode({"outputs": values}, SIZE, least=0.1), OBJECTS)


def test_one_box_for_each_cell_needs_names_or_the_classes_of_coco():
    few = {"o": output(WEAKER, per_cell=1)}
    assert recognize(evidence(few)) is None
    assert recognize(evidence(few, names="abcdefg")) is None
    head = recognize(evidence(few, names="abcdef"))
    assert head.name == "YOLOX"
    check(head.decode(few, SIZE, least=0.1), WEAKER)
    assert recognize(evidence({"o": output(WEAKER, per_cell=1, classes=80)})).class_count == 80


@pytest.mark.parametrize(
    ("file", "name"), [("yolov7-tiny.onnx", "YOLOv7"), ("YOLO_v3.onnx", "YOLOv3"), ("best.onnx", "YOLOv5")]
)
def test_the_file_name_names_the_family(file, name):
    assert recognize(evidence({"o": output(WEAKER)}, file=file)).name == name


def test_other_outputs_are_not_mistaken():
    values = output(WEAKER)
    assert recognize(evidence({"o": values[:, :-1]})) is None
    assert recognize(evidence({"o": values - 0.5})) is None
    assert recognize(evidence({"o": values[:, :, :5]})) is None
    offsets = output(WEAKER, per_cell=1, classes=80)
    offsets[0, :, :4] = np.random.default_rng(0).normal(1.2, 0.3, offsets[0, :, :4].shape)
    assert recognize(evidence({"o": offsets})) is None  # YOLOX's raw output
    assert recognize(evidence({"o": values}, size=None)) is None

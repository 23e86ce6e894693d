import numpy as np
import pytest

from core.tasks.heads.end_to_end import recognize
from head_evidence import SIZE, centre_and_size, check, evidence, known_objects

CLASSES = 6
OBJECTS = known_objects(8, CLASSES)


def table(*, most=30, extras=0, centres=False):
    """(1, most, 6 + extras), the best first, zeros after the objects."""
    values = np.zeros((1, most, 6 + extras), np.float32)
    random = np.random.default_rng(0)
    for index, (box, score, label) in enumerate(OBJECTS):
        written = centre_and_size(box) if centres else box
        values[0, index, :6] = *written, score, label
        values[0, index, 6:] = random.uniform(0, 1, extras)
    return values


@pytest.mark.parametrize("most", [12, 30, 300])
def test_rows_are_read_as_they_are(most):
    written = {"output0": table(most=most)}
    head = recognize(evidence(written))
    assert (head.name, head.nms_iou, head.default_score) == ("YOLOv10", None, 0.25)
    assert head.class_count == max(label for *_, label in OBJECTS) + 1
    check(head.decode(written, SIZE, least=0.1), OBJECTS)
    check(head.decode(written, SIZE, least=0.7), [each for each in OBJECTS if each[1] >= 0.7])


def test_classes_are_as_many_as_there_are_names():
    assert recognize(evidence({"o": table()}, names=[str(index) for index in range(80)])).class_count == 80


def test_the_order_of_the_rows_does_not_matter():
    written = {"o": table()[:, ::-1]}
    check(recognize(evidence(written)).decode(written, SIZE, least=0.1), OBJECTS)


def test_masks_come_with_their_prototypes():
    written = {"o": table(extras=32), "p": np.ones((1, 32, 24, 40), np.float32)}
    head = recognize(evidence(written))
    found = head.decode(written, SIZE, least=0.1)
    check(found, OBJECTS)
    assert head.name == "YOLOv10-seg" and np.array_equal(found.mask_weights, written["o"][0, : len(OBJECTS), 6:])
    assert found.prototypes.shape == (32, 24, 40)


@pytest.mark.parametrize("metadata", [{}, {"task": "pose", "kpt_shape": "[17, 3]", "description": "YOLO26n-pose"}])
def test_keypoints_come_with_their_scores(metadata):
    written = {"o": table(extras=51)}
    head = recognize(evidence(written, metadata=metadata))
    found = head.decode(written, SIZE, least=0.1)
    check(found, OBJECTS)
    assert head.name == ("YOLO26-pose" if metadata else "YOLOv10-pose")
    assert found.keypoints[2, 16].tolist() == written["o"][0, 2, -3:].tolist()


def test_rotated_boxes_have_centres_and_an_angle():
    written = {"o": table(extras=1, centres=True)}
    head = recognize(evidence(written))
    found = head.decode(written, SIZE, least=0.1)
    check(found, OBJECTS)
    assert head.name == "YOLOv10-OBB" and np.array_equal(found.angles, written["o"][0, : len(OBJECTS), 6])


@pytest.mark.parametrize("metadata", [{}, {"head": "RTDETRDecoder", "task": "detect"}])
def test_rtdetr_has_centres_in_shares(metadata):
    written = {"o": table(centres=True) / np.array((SIZE[1], SIZE[0], SIZE[1], SIZE[0], 1, 1), np.float32)}
    head = recognize(evidence(written, metadata=metadata))
    assert head.name == "RT-DETR"
    check(head.decode(written, SIZE, least=0.1), OBJECTS)


def test_paddle_writes_class_and_score_before_the_box():
    rows = np.array([(label, score, *box) for box, score, label in OBJECTS], np.float32)
    written = {"multiclass_nms3_0.tmp_0": rows, "multiclass_nms3_0.tmp_2": np.array([len(rows)], np.int32)}
    head = recognize(evidence(written))
    assert head.name == "PaddleDetection" and head.nms_iou is None
    check(head.decode(written, SIZE, least=0.1), OBJECTS)
    nothing = {**written, "multiclass_nms3_0.tmp_0": np.full((1, 6), -1, np.float32)}
    assert recognize(evidence(nothing, written)) is not None
    assert len(head.decode(nothing, SIZE, least=0.1).scores) == 0


def test_yolov7_writes_the_image_first():
    rows = np.array([(0, *box, label, score) for box, score, label in OBJECTS] + [(1, 1, 1, 9, 9, 0, 0.9)], np.float32)
    head = recognize(evidence({"output": rows}))
    assert head.name == "YOLOv7"
    check(head.decode({"output": rows}, SIZE, least=0.1), OBJECTS)
    assert len(head.decode({"output": rows[:0]}, SIZE, least=0.1).scores) == 0


def test_untrained_boxes_are_recognised_by_the_metadata():
    values = table()
    values[0, :, [0, 2]] = values[0, :, [2, 0]]
    assert recognize(evidence({"o": values})) is None
    metadata = {"task": "detect", "end2end": "True", "description": "Ultralytics YOLO26n model"}
    assert recognize(evidence({"o": values}, metadata=metadata)).name == "YOLO26"


def test_other_outputs_are_not_mistaken():
    values, random = table(), np.random.default_rng(0)
    values[0, :, 5] += 0.3
    assert recognize(evidence({"o": values})) is None  # no classes
    values = table()
    values[0, 0, 4] = 3
    assert recognize(evidence({"o": values})) is None  # no scores
    assert recognize(evidence({"o": table()}, size=None)) is None
    assert recognize(evidence({"o": np.eye(6, dtype=np.float32)[2:3]})) is None  # a sure classifier
    assert recognize(evidence({"o": random.normal(size=(1, 197, 768)).astype(np.float32)})) is None
    assert recognize(evidence({"o": table(extras=2)}, metadata={"task": "segment"})) is None

import numpy as np

from core.tasks.heads.boxes_and_scores import recognize
from head_evidence import SIZE, cells, centre_and_size, check, evidence, known_objects

CLASSES = 5
OBJECTS = known_objects(7, CLASSES)


def outputs(*, per_cell=1, classes=CLASSES):
    """Corners in pixels (1, n, 4) and scores (1, n, classes)."""
    random = np.random.default_rng(0)
    boxes = [(c * s, r * s, c * s + 2 * s, r * s + 2 * s) for s, r, c in cells() * per_cell]
    scores = random.uniform(0, 0.05, (len(boxes), classes))
    for index, (box, score, label) in enumerate(OBJECTS):
        boxes[5 * index], scores[5 * index, label] = box, score
    return np.array([boxes], np.float32), scores[None].astype(np.float32)


def test_yolov4_writes_corners_in_shares_with_an_axis_between():
    boxes, confs = outputs(per_cell=3)
    written = {"boxes": (boxes / [SIZE[1], SIZE[0], SIZE[1], SIZE[0]]).astype(np.float32)[:, :, None], "confs": confs}
    head = recognize(evidence(written))
    assert (head.name, head.class_count, head.nms_iou, head.default_score) == ("YOLOv4", CLASSES, 0.6, 0.4)
    check(head.decode(written, SIZE, least=0.1), OBJECTS)


def test_corners_in_pixels_are_yolo_nas():
    written = dict(zip(("a", "b"), outputs(), strict=True))
    head = recognize(evidence(written))
    assert head.name == "YOLO-NAS"
    check(head.decode(written, SIZE, least=0.1), OBJECTS)
    assert head.decode(written, SIZE, least=0.99).boxes.shape == (0, 4)


def test_centres_and_sizes_are_yolov6():
    boxes, scores = outputs()
    centres = np.array([[centre_and_size(box) for box in boxes[0].tolist()]], np.float32)
    written = {"scores": scores, "boxes": centres}
    head = recognize(evidence(written))
    assert head.name == "YOLOv6"
    check(head.decode(written, SIZE, least=0.1), OBJECTS)


def test_four_classes_are_told_from_boxes_by_their_name():
    boxes, scores = outputs(classes=5)
    four = {"scores": np.maximum(scores[:, :, :4], 0), "boxes": boxes}
    assert recognize(evidence(four)).boxes == "boxes"
    assert recognize(evidence({"a": four["scores"], "b": boxes})) is None


def test_other_outputs_are_not_mistaken():
    boxes, scores = outputs()
    assert recognize(evidence({"b": boxes[:, :-1], "s": scores[:, :-1]})) is None  # an SSD: other anchors
    assert recognize(evidence({"b": boxes, "s": scores * 4 - 2})) is None  # logits
    assert recognize(evidence({"b": boxes - 500, "s": scores[:, :-1]})) is None
    assert recognize(evidence({"b": boxes, "s": scores, "more": scores})) is None
    assert recognize(evidence({"b": boxes, "s": scores}, size=None)) is None

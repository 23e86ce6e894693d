import numpy as np
import pytest

from core.tasks.heads.after_suppression import recognize
from head_evidence import SIZE, check, evidence, known_objects

CLASSES = 5
OBJECTS = known_objects(6, CLASSES, seed=4)
BOXES = np.array([box for box, _, _ in OBJECTS], np.float32)
SCORES = np.array([score for _, score, _ in OBJECTS], np.float32)
LABELS = np.array([label for *_, label in OBJECTS], np.int64)
SHARES = BOXES / np.array((SIZE[1], SIZE[0], SIZE[1], SIZE[0]), np.float32)


def padded(values, most=20, fill=0):
    wide = np.full((1, most, *values.shape[1:]), fill, values.dtype)
    wide[0, : len(values)] = values
    return wide


def test_mmdeploy_has_the_score_beside_the_box():
    written = {"dets": padded(np.column_stack((BOXES, SCORES))), "labels": padded(LABELS, fill=-1)}
    head = recognize(evidence(written))
    assert (head.name, head.nms_iou, head.default_score) == ("MMDetection", None, 0.3)
    assert head.class_count == LABELS.max() + 1
    check(head.decode(written, SIZE, least=0.1), OBJECTS)
    check(head.decode(written, SIZE, least=0.7), [each for each in OBJECTS if each[1] >= 0.7])


def test_masks_of_the_size_of_the_input_belong_to_the_objects():
    masks = np.random.default_rng(0).uniform(0, 1, (len(OBJECTS), *SIZE)).astype(np.float32)
    written = {
        "dets": padded(np.column_stack((BOXES, SCORES)), 6),
        "labels": padded(LABELS, 6),
        "masks": padded(masks, 6),
    }
    found = recognize(evidence(written)).decode(written, SIZE, least=0.1)
    check(found, OBJECTS)
    assert np.array_equal(found.mask_logits > 0, masks > 0.5)


def test_rtmo_has_keypoints_and_no_labels():
    keypoints = np.random.default_rng(0).uniform(0, 1, (len(OBJECTS), 17, 3)).astype(np.float32)
    written = {"dets": np.column_stack((BOXES, SCORES))[None], "keypoints": keypoints[None]}
    head = recognize(evidence(written))
    found = head.decode(written, SIZE, least=0.1)
    assert head.name == "RTMO" and np.array_equal(found.keypoints, keypoints)
    check(found, [(box, score, 0) for box, score, _ in OBJECTS])


@pytest.mark.parametrize(
    "names", [("num_dets", "boxes", "scores", "classes"), ("num_dets", "det_boxes", "det_scores", "det_classes")]
)
def test_objects_after_their_number_are_padding(names):
    extra = padded(BOXES)
    extra[0, len(BOXES) :] = (1, 1, 9, 9)
    count = np.array([[len(BOXES)]], np.int32)
    written = dict(
        zip(names, (count, extra, padded(SCORES, fill=0.9), padded(LABELS.astype(np.int32), fill=-1)), strict=True)
    )
    head = recognize(evidence(written))
    assert head.name == "EfficientNMS"
    check(head.decode(written, SIZE, least=0.1), OBJECTS)


def tensorflow(first):
    return {
        "detection_boxes": padded(SHARES[:, [1, 0, 3, 2]]),
        "detection_classes": padded((LABELS + first).astype(np.float32), fill=1),
        "detection_scores": padded(SCORES),
        "num_detections": np.array([len(SCORES)], np.float32),
    }


def test_tensorflow_writes_y_first_in_shares_and_counts_classes_from_one():
    written = tensorflow(1)
    head = recognize(evidence(written, names="abcde"))
    assert head.class_count == CLASSES
    check(head.decode(written, SIZE, least=0.1), OBJECTS)
    with_background = recognize(evidence(written, names=("background", *"abcde")))
    assert with_background.decode(written, SIZE, least=0.1).classes.tolist() == (LABELS + 1).tolist()


def test_tensorflows_boxes_from_before_its_suppression_are_left_aside():
    written = {**tensorflow(1), "raw_detection_boxes": np.zeros((1, 50, 4), np.float32)}
    written["raw_detection_scores"] = np.zeros((1, 50, 6), np.float32)
    check(recognize(evidence(written, names="abcde")).decode(written, SIZE, least=0.1), OBJECTS)


def test_tensorflow_lite_counts_classes_from_zero():
    name = "TFLite_Detection_PostProcess"
    written = {
        name: padded(SHARES[:, [1, 0, 3, 2]]),
        f"{name}:1": padded(LABELS.astype(np.float32)),
        f"{name}:2": padded(SCORES),
        f"{name}:3": np.array([6], np.float32),
    }
    head = recognize(evidence(written, names="abcdefgh"))
    assert head.name == "TensorFlow Lite"
    check(head.decode(written, SIZE, least=0.1), OBJECTS)


def torchvision(count=6):
    return {"boxes": BOXES[:count], "labels": LABELS[:count] + 1, "scores": SCORES[:count]}


def test_torchvision_has_no_batch_axis_and_may_find_nothing():
    head = recognize(evidence(torchvision(0), torchvision()))
    assert (head.name, head.shares) == ("torchvision", False)
    shifted = [(box, score, label + 1) for box, score, label in OBJECTS]
    check(head.decode(torchvision(), SIZE, least=0.1), shifted)
    check(head.decode(torchvision(1), SIZE, least=0.1), shifted[:1])
    assert head.decode(torchvision(0), SIZE, least=0.1).boxes.shape == (0, 4)
    assert recognize(evidence(torchvision(0))).name == "torchvision"


def test_torchvisions_masks_and_keypoints_are_read():
    masks = np.random.default_rng(0).uniform(0, 1, (len(OBJECTS), 1, *SIZE)).astype(np.float32)
    keypoints = np.ones((len(OBJECTS), 17, 3), np.float32)
    found = {**torchvision(), "masks": masks}
    assert np.array_equal(recognize(evidence(found)).decode(found, SIZE, least=0.1).mask_logits > 0, masks[:, 0] > 0.5)
    poses = {**torchvision(), "keypoints": keypoints, "keypoints_scores": keypoints[..., 0]}
    assert recognize(evidence(poses)).decode(poses, SIZE, least=0.1).keypoints.shape == (len(OBJECTS), 17, 3)


def test_ssd_writes_shares():
    written = {"bboxes": padded(SHARES, 6), "labels": padded(LABELS, 6), "scores": padded(SCORES, 6)}
    head = recognize(evidence(written))
    assert (head.name, head.shares) == ("SSD", True)
    check(head.decode(written, SIZE, least=0.1), OBJECTS)


def test_a_detr_for_deployment_writes_pixels():
    written = {"labels": padded(LABELS), "boxes": padded(BOXES), "scores": padded(SCORES)}
    head = recognize(evidence(written))
    assert (head.name, head.shares) == ("RT-DETR", False)
    check(head.decode(written, SIZE, least=0.1), OBJECTS)


def test_names_of_outputs_are_not_needed():
    written = {"6379": BOXES, "6381": LABELS, "6383": SCORES}
    check(recognize(evidence(written)).decode(written, SIZE, least=0.1), OBJECTS)


def test_other_outputs_are_not_mistaken():
    full = torchvision()
    assert recognize(evidence(full, size=None)) is None
    assert recognize(evidence({**full, "scores": SCORES * 7})) is None
    assert recognize(evidence({**full, "boxes": BOXES[:, [2, 1, 0, 3]]})) is None
    assert recognize(evidence({"boxes": BOXES, "scores": SCORES})) is None
    assert recognize(evidence({**full, "features": np.zeros((1, 7, 7), np.float32)})) is None
    assert recognize(evidence({"a": np.zeros((1, 4), np.float32), "b": np.zeros((1, 5), np.float32)})) is None

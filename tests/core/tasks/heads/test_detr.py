import math

import numpy as np
import pytest

from core.tasks.heads.detr import recognize
from head_evidence import SIZE, centre_and_size, check, evidence, known_objects

CLASSES = 9
QUERIES = 100
OBJECTS = known_objects(6, CLASSES)


def boxes():
    """(1, queries, 4) in shares: the objects at every fourth query."""
    values = np.random.default_rng(0).uniform(0.2, 0.6, (1, QUERIES, 4)).astype(np.float32)
    for index, (box, _, _) in enumerate(OBJECTS):
        cx, cy, w, h = centre_and_size(box)
        values[0, 4 * index] = cx / SIZE[1], cy / SIZE[0], w / SIZE[1], h / SIZE[0]
    return values


def sigmoid_logits():
    logits = np.random.default_rng(1).uniform(-9, -5, (1, QUERIES, CLASSES)).astype(np.float32)
    for index, (_, score, label) in enumerate(OBJECTS):
        logits[0, 4 * index, label] = math.log(score / (1 - score))
    return logits


def softmax_logits():
    """One more class, the last one, for no object."""
    logits = np.random.default_rng(1).uniform(-2, 0, (1, QUERIES, CLASSES + 1)).astype(np.float32)
    logits[..., -1] = 9
    for index, (_, score, label) in enumerate(OBJECTS):
        others = [float(value) for other, value in enumerate(logits[0, 4 * index]) if other not in (label, CLASSES)]
        logits[0, 4 * index, -1] = -1
        total = sum(math.exp(value) for value in [*others, -1])
        logits[0, 4 * index, label] = math.log(score / (1 - score) * total)
    return logits


def test_rtdetr_takes_the_sigmoid():
    written = {"logits": sigmoid_logits(), "pred_boxes": boxes()}
    head = recognize(evidence(written))
    assert (head.name, head.class_count, head.nms_iou, head.default_score) == ("RT-DETR", CLASSES, None, 0.5)
    check(head.decode(written, SIZE, least=0.1), OBJECTS)
    assert head.decode(written, SIZE, least=0.99).boxes.shape == (0, 4)


@pytest.mark.parametrize("names", [(), "abcdefghi"])
def test_detr_takes_the_softmax_and_leaves_out_no_object(names):
    written = {"pred_boxes": boxes(), "pred_logits": softmax_logits()}
    head = recognize(evidence(written, names=names))
    assert (head.name, head.class_count) == ("DETR", CLASSES)
    check(head.decode(written, SIZE, least=0.1), OBJECTS)


def test_names_decide_where_the_values_do_not():
    untrained = np.random.default_rng(0).normal(size=(1, QUERIES, CLASSES)).astype(np.float32)
    written = {"logits": untrained, "pred_boxes": boxes()}
    assert recognize(evidence(written, names="abcdefghi")).activation == "sigmoid"
    assert recognize(evidence(written, names="abcdefgh")).activation == "softmax"


def test_probabilities_are_taken_as_they_are():
    written = {"boxes": boxes(), "probabilities": 1 / (1 + np.exp(-sigmoid_logits()))}
    check(recognize(evidence(written)).decode(written, SIZE, least=0.1), OBJECTS)
    logits = softmax_logits()
    written["probabilities"] = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    head = recognize(evidence(written))
    assert head.class_count == CLASSES
    check(head.decode(written, SIZE, least=0.1), OBJECTS)


def test_hidden_states_are_left_aside_and_masks_are_read():
    random = np.random.default_rng(0)
    written = {
        "logits": sigmoid_logits(),
        "pred_boxes": boxes(),
        "last_hidden_state": random.normal(size=(1, QUERIES, 256)).astype(np.float32),
        "masks": random.normal(size=(1, QUERIES, 12, 20)).astype(np.float32),
    }
    found = recognize(evidence(written)).decode(written, SIZE, least=0.1)
    check(found, OBJECTS)
    assert np.array_equal(found.mask_logits, written["masks"][0, 0 : 4 * len(OBJECTS) : 4])


def test_boxes_and_scores_in_one_output():
    values = np.concatenate((boxes(), 1 / (1 + np.exp(-sigmoid_logits()))), axis=2)
    head = recognize(evidence({"output0": values}))
    assert (head.class_count, head.default_score) == (CLASSES, 0.25)
    check(head.decode({"output0": values}, SIZE, least=0.1), OBJECTS)
    fewer = {"output0": values[:, :60]}
    assert recognize(evidence(fewer)) is None
    assert recognize(evidence(fewer, metadata={"head": "RTDETRDecoder"})).class_count == CLASSES


def test_other_outputs_are_not_mistaken():
    random = np.random.default_rng(0)
    text = random.uniform(0, 1, (1, 100, 40)).astype(np.float32)
    text /= text.sum(axis=2, keepdims=True)
    assert recognize(evidence({"o": text})) is None  # text recognition
    assert recognize(evidence({"o": random.normal(size=(1, 197, 768)).astype(np.float32)})) is None
    written = {"logits": sigmoid_logits(), "pred_boxes": boxes()}
    assert recognize(evidence({**written, "pred_boxes": boxes() * 100})) is None
    assert recognize(evidence({**written, "logits": sigmoid_logits()[:, :50]})) is None
    assert recognize(evidence(written, size=None)) is None
    assert recognize(evidence({"pred_boxes": boxes()})) is None

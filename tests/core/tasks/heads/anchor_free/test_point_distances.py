import numpy as np
import pytest

from core.tasks.heads.anchor_free.point_distances import recognize
from core.tasks.heads.recognize_head import recognize_head
from head_evidence import SIZE, check, evidence, known_objects
from head_grids import boxes_of_cells, logit, low_scores, maps, named, sigmoid, spread

CLASSES = 5
OBJECTS = known_objects(6, CLASSES, seed=7)
WIDE = (8, 16, 32, 64, 128)
KERNELS = 169


def detector(strides=(8, 16, 32), offset=0.0, *, objects=OBJECTS, quality=None):
    """Logits, distances and, where a quality is given, its logits."""
    cells = boxes_of_cells(strides=strides)
    scores = low_scores(len(cells), CLASSES)
    distances = np.random.default_rng(2).uniform(0, 30, (len(cells), 4))
    for index, (box, score, label) in zip(spread(len(objects), len(cells)), objects, strict=True):
        stride, row, column, _ = cells[index]
        x, y = (column + offset) * stride, (row + offset) * stride
        distances[index] = x - box[0], y - box[1], box[2] - x, box[3] - y
        scores[index, label] = score / (quality or 1)
    logits = np.vectorize(logit)(scores)
    outputs = {
        **named("cls", maps(logits, strides=strides)),
        **named("reg", maps(distances, strides=strides)),
    }
    if quality:
        outputs |= named("centerness", maps([[logit(quality)]] * len(cells), strides=strides))
    return outputs


def test_rtmdet_has_distances_in_pixels_from_the_corner_of_a_cell():
    outputs = detector()
    head = recognize(evidence(outputs))
    assert (head.name, head.class_count) == ("RTMDet", CLASSES)
    check(head.decode(outputs, SIZE, least=0.1), OBJECTS)
    check(head.decode(outputs, SIZE, least=0.6), [each for each in OBJECTS if each[1] >= 0.6])
    assert recognize_head(evidence(outputs)) == head


def test_scores_after_the_sigmoid_are_seen():
    outputs = {
        name: np.vectorize(sigmoid)(value).astype(np.float32) if "cls" in name else value
        for name, value in detector().items()
    }
    check(recognize(evidence(outputs)).decode(outputs, SIZE, least=0.1), OBJECTS)


def test_fcos_multiplies_with_the_centerness_and_measures_from_the_middle():
    inside = []  # each object about the cell that holds it, as FCOS has no negative distances
    cells = boxes_of_cells(strides=WIDE)
    for index, (_, score, label) in zip(spread(6, len(cells)), OBJECTS, strict=True):
        stride, row, column, _ = cells[index]
        x, y = (column + 0.5) * stride, (row + 0.5) * stride
        inside.append(((x - 7, y - 9 - index, x + 20, y + 11), score * 0.9, label))
    outputs = detector(WIDE, 0.5, objects=inside, quality=0.9)
    head = recognize(evidence(outputs))
    assert (head.name, head.class_count) == ("FCOS", CLASSES)
    check(head.decode(outputs, SIZE, least=0.1), inside)
    check(head.decode(outputs, SIZE, least=0.6), [each for each in inside if each[1] >= 0.6])
    assert recognize_head(evidence(outputs)) == head


def mask_logit(kernel, features, pixel, place, stride):
    """Of one pixel, as a chain of sums."""
    x, y = pixel
    inputs = [(place[0] - x * 8) / (stride * 8), (place[1] - y * 8) / (stride * 8), *features[:, y, x]]
    weights, position = [], 0
    for size in (80, 64, 8, 8, 8, 1):
        weights.append(kernel[position : position + size])
        position += size
    one, two, three, bias_one, bias_two, bias_three = weights
    hidden = [max(0, sum(one[10 * n + i] * inputs[i] for i in range(10)) + bias_one[n]) for n in range(8)]
    hidden = [max(0, sum(two[8 * n + i] * hidden[i] for i in range(8)) + bias_two[n]) for n in range(8)]
    return sum(three[i] * hidden[i] for i in range(8)) + bias_three[0]


def test_rtmdet_ins_has_a_mask_for_each_box():
    random = np.random.default_rng(4)
    cells = boxes_of_cells()
    kernels = random.normal(0, 0.5, (len(cells), KERNELS))
    features = random.normal(size=(1, 8, SIZE[0] // 8, SIZE[1] // 8)).astype(np.float32)
    outputs = {**detector(), **named("kernel", maps(kernels)), "mask_feat": features}
    head = recognize(evidence(outputs))
    assert head.name == "RTMDet-Ins" and recognize_head(evidence(outputs)) == head
    found = head.decode(outputs, SIZE, least=0.1)
    check(found, OBJECTS)
    assert found.mask_logits.shape == (len(OBJECTS), *features.shape[2:])
    for (box, _, _), index in zip(OBJECTS, spread(len(OBJECTS), len(cells)), strict=True):
        which = int(np.abs(found.boxes - box).max(axis=1).argmin())
        stride, row, column, _ = cells[index]
        for x, y in ((0, 0), (3, 2), (19, 11)):
            expected = mask_logit(kernels[index], features[0], (x, y), (column * stride, row * stride), stride)
            assert found.mask_logits[which, y, x] == pytest.approx(expected, abs=1e-3)
    nothing = head.decode(outputs, SIZE, least=0.999)
    assert nothing.boxes.shape == (0, 4) and nothing.mask_logits.shape == (0, *features.shape[2:])


def test_other_outputs_for_each_stride_are_not_mistaken():
    outputs = detector()
    random = np.random.default_rng(0)
    features = {
        f"p{stride}": random.normal(size=(1, 64, SIZE[0] // stride, SIZE[1] // stride)).astype(np.float32)
        for stride in (8, 16, 32)
    }
    assert recognize(evidence(features)) is None
    assert recognize(evidence({**outputs, **features})) is None
    assert recognize(evidence({name: value for name, value in outputs.items() if "8" not in name})) is None
    assert recognize(evidence(outputs, size=(64, 64))) is None
    assert recognize(evidence(outputs, size=None)) is None
    negative = detector(WIDE, 0.5, quality=0.99)
    negative["reg8"] -= 100
    assert recognize(evidence(negative)) is None

import math

import numpy as np
import pytest

from core.tasks.heads.anchor_based.prior_layouts import BY_LEVEL
from core.tasks.heads.anchor_based.ssd import recognize
from core.tasks.heads.recognize_head import recognize_head
from head_evidence import centre_and_size, check, evidence, known_objects
from head_grids import spread

CLASSES = 4
LITE = {20: (64, 112), 10: (112, 160), 5: (160, 208), 3: (208, 256), 2: (256, 304), 1: (304, 320)}
"""torchvision's ssdlite320_mobilenet_v3: rows of the grid -> size of the level, and of the next."""


def lite_priors():
    priors = []
    for rows, (size, after) in LITE.items():
        mean = math.sqrt(size * after)
        shapes = [(size, size), (mean, mean)]
        for ratio in (2, 3):
            wide = (size * math.sqrt(ratio), size / math.sqrt(ratio))
            shapes += [wide, wide[::-1]]
        for row in range(rows):
            for column in range(rows):
                centre = ((column + 0.5) * 320 / rows, (row + 0.5) * 320 / rows)
                priors += [(*centre, min(320, width), min(320, height)) for width, height in shapes]
    return priors


def detector(priors, size, *, channels=CLASSES + 1, background=0, activation="softmax", y_first=False):
    """Deltas (n, 4), scores (n, channels) and the objects in them."""
    random = np.random.default_rng(3)
    objects = known_objects(6, CLASSES, size=size, seed=5)
    deltas = random.normal(0, 1, (len(priors), 4)).astype(np.float32)
    scores = random.uniform(0.001, 0.01, (len(priors), channels)).astype(np.float32)
    scores[:, background] = 1 - np.delete(scores, background, axis=1).sum(axis=1)
    for index, (box, score, label) in zip(spread(len(objects), len(priors)), objects, strict=True):
        px, py, pw, ph = priors[index]
        x, y, width, height = centre_and_size(box)
        delta = [(x - px) / pw / 0.1, (y - py) / ph / 0.1, math.log(width / pw) / 0.2, math.log(height / ph) / 0.2]
        deltas[index] = [delta[1], delta[0], delta[3], delta[2]] if y_first else delta
        scores[index] = 0
        scores[index, background] = 1 - score - 1e-7
        scores[index, label + (background == 0)] = score
    if activation == "softmax":
        scores = np.log(scores + 1e-7) + 3
    elif activation == "sigmoid":
        scores = np.log(scores + 1e-7) - np.log(1 - scores + 1e-7)
    return deltas, scores, objects


@pytest.mark.parametrize("activation", ["softmax", "none"])
def test_priors_follow_from_the_number_of_boxes(activation):
    size = (320, 320)
    deltas, scores, objects = detector(lite_priors(), size, activation=activation)
    outputs = {"bbox_regression": deltas[None], "cls_logits": scores[None]}
    head = recognize(evidence(outputs, size=size))
    assert (head.name, head.class_count, head.activation) == ("SSDLite", CLASSES, activation)
    check(head.decode(outputs, size, least=0.2), objects)
    check(head.decode(outputs, size, least=0.7), [each for each in objects if each[1] >= 0.7])
    assert recognize_head(evidence(outputs, size=size)) == head
    assert head.decode(outputs, size, least=0.999).boxes.shape == (0, 4)


def test_names_may_begin_with_that_of_the_background():
    size = (320, 320)
    deltas, scores, objects = detector(lite_priors(), size)
    outputs = {"boxes": deltas[None], "scores": scores[None]}
    head = recognize(evidence(outputs, size=size, names=("background", *"abcd")))
    assert head.class_count == CLASSES + 1
    check(head.decode(outputs, size, least=0.2), [(box, score, label + 1) for box, score, label in objects])


@pytest.mark.parametrize("caffe", [False, True])
def test_priors_may_be_an_output(caffe):
    size = (96, 160)
    random = np.random.default_rng(1)
    shares = np.concatenate((random.uniform(0, 1, (50, 2)), random.uniform(0.1, 0.9, (50, 2))), axis=1)
    pixels = [(x * size[1], y * size[0], w * size[1], h * size[0]) for x, y, w, h in shares]
    deltas, scores, objects = detector(pixels, size)
    written = shares.astype(np.float32)
    if caffe:
        corners = [(x - w / 2, y - h / 2, x + w / 2, y + h / 2) for x, y, w, h in shares]
        written = np.array([[np.ravel(corners), np.tile((0.1, 0.1, 0.2, 0.2), 50)]], np.float32)
    outputs = {"loc": deltas[None], "conf": scores[None], "priors": written}
    more = {**outputs, "loc": deltas[None] + 1}
    head = recognize(evidence(outputs, more, size=size))
    assert (head.name, head.priors) == ("SSD", "priors")
    check(head.decode(outputs, size, least=0.2), objects)
    assert recognize_head(evidence(outputs, more, size=size)) == head
    moving = {**more, "priors": written * np.float32(0.9)}
    assert recognize(evidence(outputs, moving, size=size)) is None  # no priors: they change


@pytest.mark.parametrize("activation", ["sigmoid", "none"])
def test_tensorflow_writes_y_first(activation):
    size = (300, 300)
    priors = []
    for number, rows in enumerate((19, 10, 5, 3, 2, 1)):
        scale, after = 0.2 + 0.15 * number, 0.2 + 0.15 * (number + 1) if number < 5 else 1.0
        shapes = [(scale, ratio) for ratio in (1, 2, 0.5, 3, 1 / 3)] + [(math.sqrt(scale * after), 1)]
        shapes = [(0.1, 1), (0.2, 2), (0.2, 0.5)] if number == 0 else shapes
        for row in range(rows):
            for column in range(rows):
                for each, ratio in shapes:
                    wide, tall = each * math.sqrt(ratio) * 300, each / math.sqrt(ratio) * 300
                    priors.append(((column + 0.5) / rows * 300, (row + 0.5) / rows * 300, wide, tall))
    deltas, scores, objects = detector(priors, size, activation=activation, y_first=True)
    outputs = {"raw_box_encodings": deltas[None], "class_predictions": scores[None]}
    head = recognize(evidence(outputs, size=size))
    assert head.y_first and head.activation == activation
    check(head.decode(outputs, size, least=0.2), objects)


def test_mmdetection_writes_each_level_and_the_background_last():
    size = (320, 320)
    layout = next(layout for layout in BY_LEVEL if layout.name == "SSDLite")
    deltas, scores, objects = detector(layout.priors().tolist(), size, background=CLASSES)
    outputs, start = {}, 0
    for kind, values in (("cls", scores), ("reg", deltas)):
        start = 0
        for rows in (20, 10, 5, 3, 2, 1):
            count = rows * rows * 6
            level = values[start : start + count].reshape(rows, rows, -1).transpose(2, 0, 1)
            outputs[f"{kind}{rows}"] = np.ascontiguousarray(level[None])
            start += count
    head = recognize(evidence(outputs, size=size))
    assert (head.name, head.class_count, head.background) == ("SSDLite", CLASSES, CLASSES)
    check(head.decode(outputs, size, least=0.2), objects)
    assert recognize_head(evidence(outputs, size=size)) == head
    assert recognize(evidence(outputs, size=(300, 300))) is None


def test_other_pairs_of_lists_are_not_mistaken():
    size = (320, 320)
    deltas, scores, _ = detector(lite_priors(), size)
    outputs = {"boxes": deltas[None], "scores": scores[None]}
    assert recognize(evidence({"boxes": np.abs(deltas)[None], "scores": scores[None]}, size=size)) is None
    assert recognize(evidence({"boxes": deltas[None, 1:], "scores": scores[None, 1:]}, size=size)) is None
    assert recognize(evidence(outputs, size=(300, 300))) is None
    assert recognize(evidence({"scores": scores[None]}, size=size)) is None
    assert recognize(evidence({**outputs, "tokens": scores[None]}, size=size)) is None

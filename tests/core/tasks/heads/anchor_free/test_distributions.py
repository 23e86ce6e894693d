import numpy as np
import pytest

from core.tasks.heads.anchor_free.distributions import recognize
from core.tasks.heads.recognize_head import recognize_head
from head_evidence import SIZE, check, evidence
from head_grids import boxes_of_cells, lists, low_scores, maps, named, softmax, spread

CLASSES = 4
FOUR, THREE = (8, 16, 32, 64), (8, 16, 32)


def detector(strides, offset, bins=8):
    """Scores, distributions, and the objects that they mean."""
    random = np.random.default_rng(6)
    cells = boxes_of_cells(strides=strides)
    scores, distributions = low_scores(len(cells), CLASSES), random.normal(0, 2, (len(cells), 4 * bins))
    objects = []
    for number, index in enumerate(spread(6, len(cells))):
        stride, row, column, _ = cells[index]
        sides = []
        for side in range(4):
            shares = softmax(distributions[index, side * bins : (side + 1) * bins])
            sides.append(sum(bin_ * share for bin_, share in enumerate(shares)) * stride)
        x, y = (column + offset) * stride, (row + offset) * stride
        label = number % CLASSES
        scores[index, label] = score = 0.9 - 0.1 * number
        objects.append(((x - sides[0], y - sides[1], x + sides[2], y + sides[3]), score, label))
    return scores, distributions.astype(np.float32), objects


@pytest.mark.parametrize(("strides", "name"), [(FOUR, "PicoDet"), (THREE, "NanoDet")])
@pytest.mark.parametrize("layout", [lists, maps])
def test_each_stride_has_scores_and_distributions(strides, name, layout):
    scores, distributions, objects = detector(strides, 0.5)
    outputs = {
        **named("scores", layout(scores, strides=strides)),
        **named("distributions", layout(distributions, strides=strides)),
    }
    head = recognize(evidence(outputs))
    assert (head.name, head.class_count) == (name, CLASSES)
    check(head.decode(outputs, SIZE, least=0.1), objects)
    check(head.decode(outputs, SIZE, least=0.6), [each for each in objects if each[1] >= 0.6])
    assert recognize_head(evidence(outputs)) == head


@pytest.mark.parametrize(("strides", "offset", "name"), [(FOUR, 0.0, "NanoDet-Plus"), (THREE, 0.5, "NanoDet")])
@pytest.mark.parametrize("bins", [8, 17])
def test_nanodet_writes_one_output(strides, offset, name, bins):
    scores, distributions, objects = detector(strides, offset, bins)
    outputs = {"output": np.concatenate((scores, distributions), axis=1)[None]}
    head = recognize(evidence(outputs, outputs))
    assert (head.name, head.class_count, head.bins) == (name, CLASSES, bins)
    check(head.decode(outputs, SIZE, least=0.1), objects)
    assert recognize_head(evidence(outputs)) == head
    assert recognize(evidence(outputs, names="abcd")) == head
    assert recognize(evidence(outputs, names="abc")) is None


def test_the_grids_of_an_input_that_the_stride_does_not_divide_round_up():
    size = (100, 150)
    cells = boxes_of_cells(size, FOUR)
    rows = np.concatenate((low_scores(len(cells), 2), np.full((len(cells), 32), -9.0)), axis=1, dtype=np.float32)
    last = len(boxes_of_cells(size, (8,))) - 1
    rows[last, 1], rows[last, [4, 13, 20, 27]] = 0.8, 9  # all of the weight on bins 2, 3, 2 and 1
    outputs = {"output": rows[None]}
    found = recognize(evidence(outputs, size=size)).decode(outputs, size, least=0.5)
    x, y = 18 * 8, 12 * 8
    check(found, [((x - 16, y - 24, x + 16, y + 8), 0.8, 1)])


def test_other_rows_for_each_cell_are_not_mistaken():
    scores, distributions, _ = detector(FOUR, 0.0)
    whole = np.concatenate((scores, distributions), axis=1)[None]
    assert recognize(evidence({"tokens": np.random.default_rng(0).normal(size=whole.shape)})) is None
    assert recognize(evidence({"scores": np.abs(whole) / 100})) is None
    assert recognize(evidence({"output": whole[:, 1:]})) is None
    assert recognize(evidence({"output": whole}, size=None)) is None
    logits = {**named("s", lists(distributions[:, :4], strides=FOUR)), **named("d", lists(distributions, strides=FOUR))}
    assert recognize(evidence(logits)) is None

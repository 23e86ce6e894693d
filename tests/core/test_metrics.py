import math

import numpy as np
import pytest

from core.metrics import DifferenceMeter, ModelMeter


def test_adding_in_pieces_gives_what_all_at_once_gives():
    random = np.random.default_rng(0)
    a = random.standard_normal((10, 7)).astype(np.float32)
    b = a + 0.1 * random.standard_normal(a.shape).astype(np.float32)
    whole, pieces = DifferenceMeter("y"), DifferenceMeter("y")
    whole.add(a, b)
    for left, right in zip(a, b, strict=True):
        pieces.add(left, right)
    assert pieces.difference.cosine == pytest.approx(whole.difference.cosine)
    assert pieces.difference.sqnr_db == pytest.approx(whole.difference.sqnr_db)
    expected = 10 * np.log10((a.astype("f8") ** 2).sum() / ((a.astype("f8") - b) ** 2).sum())
    assert whole.difference.sqnr_db == pytest.approx(expected)
    assert whole.difference.largest == pytest.approx(np.abs(a - b).max())


def test_identical_tensors_differ_by_nothing():
    meter = DifferenceMeter("y")
    assert meter.add(np.ones(5), np.ones(5)) == pytest.approx(1.0)
    assert meter.difference.sqnr_db == math.inf and meter.difference.largest == 0


@pytest.mark.parametrize(
    ("a", "b", "cosine"),
    [([0, 0], [0, 0], 1.0), ([1, 0], [0, 0], 0.0), ([0, 0], [1, 0], 0.0), ([1, 2], [-1, -2], -1.0)],
)
def test_zeros_and_opposites_have_their_cosines(a, b, cosine):
    assert DifferenceMeter("y").add(np.array(a, "f4"), np.array(b, "f4")) == pytest.approx(cosine)


def test_values_near_the_limit_of_float32_do_not_overflow():
    meter = DifferenceMeter("y")
    meter.add(np.full(100, 3e38, np.float32), np.full(100, 3e38, np.float32))
    assert meter.difference.cosine == pytest.approx(1.0)


def test_a_model_is_as_good_as_its_worst_output():
    meter = ModelMeter(("good", "bad"))
    worst = meter.add({"good": np.ones(3), "bad": np.array([1.0, 0])}, {"good": np.ones(3), "bad": np.array([0, 1.0])})
    assert worst == meter.cosine == pytest.approx(0.0)
    assert [difference.name for difference in meter.differences] == ["good", "bad"]


def boxes(seed, rows=40):
    """Two coordinates in pixels and two classes, as columns of a detector's answer."""
    random = np.random.default_rng(seed)
    table = np.concatenate([random.uniform(0, 320, (rows, 2)), random.uniform(0, 0.9, (rows, 2))], axis=1)
    return table.astype(np.float32)


def spoilt(table):
    other = table.copy()
    other[:, 2:] = other[::-1, 2:]
    return other


@pytest.mark.parametrize("axis", [1, 2], ids=["columns first", "columns last"])
def test_scores_among_coordinates_are_judged_by_themselves(axis):
    meter = DifferenceMeter("y")
    for seed in range(3):
        table = boxes(seed)
        one, other = (part[None] if axis == 2 else part.T[None] for part in (table, spoilt(table)))
        meter.add(one, other)
    difference = meter.difference
    assert difference.cosine > 0.9999
    assert difference.scores.cosine < 0.9
    assert difference.worst is difference.scores
    assert difference.is_within(0.9) is False


def test_outputs_that_are_all_scores_or_all_coordinates_have_no_part_of_their_own():
    table = boxes(0)
    for columns in (table[:, :2], table[:, 2:]):
        meter = DifferenceMeter("y")
        meter.add(columns[None], columns[None])
        assert meter.difference.scores is None


def test_scores_that_never_find_anything_are_left_out():
    table = boxes(0)
    table[:, 2:] *= 0.01
    meter = DifferenceMeter("y")
    meter.add(table[None], spoilt(table)[None])
    assert meter.difference.scores is None


def test_answers_of_changing_sizes_are_still_summed_up_as_a_whole():
    meter = DifferenceMeter("y")
    for rows in (40, 60):
        meter.add(boxes(0, rows).T[None], boxes(0, rows).T[None])
        meter.add(boxes(0, rows)[None], boxes(0, rows)[None])
    assert meter.difference.cosine == pytest.approx(1) and meter.difference.scores is None


def test_answers_that_are_no_numbers_agree_with_each_other_and_with_nothing_else():
    odd = np.array([1.0, np.nan, np.inf, -np.inf], np.float32)
    same, other = DifferenceMeter("y"), DifferenceMeter("y")
    same.add(odd, odd * np.float32(1.0))
    assert same.difference.cosine == 1 and same.difference.is_within(0.999)
    other.add(odd, np.array([1.0, 2.0, np.inf, -np.inf], np.float32))
    assert not other.difference.is_within(0.9)

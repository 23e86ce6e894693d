import math

import numpy as np
import pytest

from core.metrics.similarity import ModelSimilarity, SimilarityMetric


def test_adding_in_pieces_gives_what_all_at_once_gives():
    random = np.random.default_rng(0)
    a = random.standard_normal((10, 7)).astype(np.float32)
    b = a + 0.1 * random.standard_normal(a.shape).astype(np.float32)
    whole, pieces = SimilarityMetric("y"), SimilarityMetric("y")
    whole.update(a, b)
    for left, right in zip(a, b, strict=True):
        pieces.update(left, right)
    assert pieces.compute().cosine == pytest.approx(whole.compute().cosine)
    assert pieces.compute().sqnr_db == pytest.approx(whole.compute().sqnr_db)
    expected = 10 * np.log10((a.astype("f8") ** 2).sum() / ((a.astype("f8") - b) ** 2).sum())
    assert whole.compute().sqnr_db == pytest.approx(expected)
    assert whole.compute().largest == pytest.approx(np.abs(a - b).max())


def test_identical_tensors_differ_by_nothing():
    metric = SimilarityMetric("y")
    assert metric.update(np.ones(5), np.ones(5)) == pytest.approx(1.0)
    assert metric.compute().sqnr_db == math.inf and metric.compute().largest == 0


@pytest.mark.parametrize(
    ("a", "b", "cosine"),
    [([0, 0], [0, 0], 1.0), ([1, 0], [0, 0], 0.0), ([0, 0], [1, 0], 0.0), ([1, 2], [-1, -2], -1.0)],
)
def test_zeros_and_opposites_have_their_cosines(a, b, cosine):
    assert SimilarityMetric("y").update(np.array(a, "f4"), np.array(b, "f4")) == pytest.approx(cosine)


def test_values_near_the_limit_of_float32_do_not_overflow():
    metric = SimilarityMetric("y")
    metric.update(np.full(100, 3e38, np.float32), np.full(100, 3e38, np.float32))
    assert metric.compute().cosine == pytest.approx(1.0)


def test_a_model_is_as_similar_as_its_worst_output():
    metric = ModelSimilarity(("good", "bad"))
    worst = metric.update(
        {"good": np.ones(3), "bad": np.array([1.0, 0])}, {"good": np.ones(3), "bad": np.array([0, 1.0])}
    )
    assert worst == metric.cosine == pytest.approx(0.0)
    assert [difference.name for difference in metric.compute()] == ["good", "bad"]


def boxes(seed, rows=40):
    """Two coordinates in pixels and the scores of two classes, as columns of a detector's output."""
    random = np.random.default_rng(seed)
    table = np.concatenate([random.uniform(0, 320, (rows, 2)), random.uniform(0, 0.9, (rows, 2))], axis=1)
    return table.astype(np.float32)


def with_reversed_scores(table):
    other = table.copy()
    other[:, 2:] = other[::-1, 2:]
    return other


@pytest.mark.parametrize("axis", [1, 2], ids=["columns first", "columns last"])
def test_scores_among_coordinates_are_compared_by_themselves(axis):
    metric = SimilarityMetric("y")
    for seed in range(3):
        table = boxes(seed)
        one, other = (part[None] if axis == 2 else part.T[None] for part in (table, with_reversed_scores(table)))
        metric.update(one, other)
    difference = metric.compute()
    assert difference.cosine > 0.9999
    assert difference.scores.cosine < 0.9
    assert difference.worst is difference.scores
    assert difference.is_within(0.9) is False


def test_outputs_that_are_all_scores_or_all_coordinates_have_no_separate_scores():
    table = boxes(0)
    for columns in (table[:, :2], table[:, 2:]):
        metric = SimilarityMetric("y")
        metric.update(columns[None], columns[None])
        assert metric.compute().scores is None


def test_scores_that_never_detect_anything_are_left_out():
    table = boxes(0)
    table[:, 2:] *= 0.01
    metric = SimilarityMetric("y")
    metric.update(table[None], with_reversed_scores(table)[None])
    assert metric.compute().scores is None


def test_outputs_of_changing_sizes_are_still_compared_as_a_whole():
    metric = SimilarityMetric("y")
    for rows in (40, 60):
        metric.update(boxes(0, rows).T[None], boxes(0, rows).T[None])
        metric.update(boxes(0, rows)[None], boxes(0, rows)[None])
    assert metric.compute().cosine == pytest.approx(1) and metric.compute().scores is None


def test_infinities_and_nan_are_equal_to_themselves_and_to_nothing_else():
    odd = np.array([1.0, np.nan, np.inf, -np.inf], np.float32)
    same, other = SimilarityMetric("y"), SimilarityMetric("y")
    same.update(odd, odd * np.float32(1.0))
    assert same.compute().cosine == 1 and same.compute().is_within(0.999)
    other.update(odd, np.array([1.0, 2.0, np.inf, -np.inf], np.float32))
    assert not other.compute().is_within(0.9)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_infinity_or_nan_on_one_side_only_is_the_worst_difference(value):
    finite, spoiled = np.array([1.0, 2.0, 3.0], np.float32), np.array([1.0, value, 3.0], np.float32)
    for a, b in ((finite, spoiled), (spoiled, finite)):
        metric = SimilarityMetric("y")
        assert metric.update(a, b) == 0.0
        difference = metric.compute()
        assert (difference.cosine, difference.sqnr_db) == (0.0, -math.inf)
        assert not difference.is_within(0.0) and not math.isfinite(difference.largest)

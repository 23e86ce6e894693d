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

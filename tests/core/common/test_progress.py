import math

import pytest

from core.common.progress import clamp_fraction, portion, silent
from core.common.text import say


@pytest.fixture
def seen():
    return []


@pytest.fixture
def record(seen):
    return lambda fraction, message: seen.append((round(fraction, 6), str(message)))


def test_a_portion_fills_its_part_of_the_whole(record, seen):
    part = portion(record, 0.2, 0.6)
    for fraction in (0, 0.5, 1):
        part(fraction, say("starting"))
    assert seen == [(0.2, "starting"), (0.4, "starting"), (0.6, "starting")]


def test_portions_can_be_nested(record, seen):
    portion(portion(record, 0.5, 1.0), 0.0, 0.5)(1.0, say("starting"))
    assert seen == [(0.75, "starting")]


def test_a_portion_never_leaves_its_part(record, seen):
    part = portion(record, 0.2, 0.6)
    for fraction in (-1, 7):
        part(fraction, say("starting"))
    assert [fraction for fraction, _ in seen] == [0.2, 0.6]


@pytest.mark.parametrize(
    ("fraction", "clamped"), [(-0.1, 0), (0, 0), (0.3, 0.3), (1.1, 1), (math.nan, 0), (math.inf, 0)]
)
def test_a_fraction_is_brought_between_0_and_1(fraction, clamped):
    assert clamp_fraction(fraction) == clamped


def test_silent_takes_any_progress():
    assert silent(0.5, say("starting")) is None

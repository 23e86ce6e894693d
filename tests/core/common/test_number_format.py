from __future__ import annotations

import math

import pytest

from core.common import number_format


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, "–"),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (627_454, "627 kB"),
        (999_600, "1.00 MB"),
        (5_123_456, "5.12 MB"),
        (12_345_678, "12.3 MB"),
        (3_210_000_000, "3.21 GB"),
        (5 * 10**12, "5000 GB"),
    ],
)
def test_sizes_have_three_digits_and_decimal_units(count, text):
    assert number_format.size(count) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(None, "–"), (math.nan, "–"), (1.0, "100%"), (0.99999, "99.9%"), (0.5, "50.0%"), (0.00001, "0.1%"), (0.0, "0%")],
)
def test_all_and_nothing_are_said_only_where_they_are_true(share, text):
    assert number_format.percent(share) == text


@pytest.mark.parametrize(
    ("cosine", "text"), [(None, "–"), (1.0, "1.0000"), (0.99999, "> 0.9999"), (0.98765, "0.9877"), (-0.5, "-0.5000")]
)
def test_only_the_same_is_called_one(cosine, text):
    assert number_format.similarity(cosine) == text


@pytest.mark.parametrize(("ratio", "text"), [(None, "–"), (0.713, "0.71×"), (1.0, "1.0×"), (12.34, "12.3×")])
def test_ratios_below_one_have_more_digits(ratio, text):
    assert number_format.times(ratio) == text


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (65.9, "1:05"), (3725, "1:02:05"), (-3, "0:00")])
def test_durations_are_minutes_and_seconds(seconds, text):
    assert number_format.duration(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"), [(88, "88"), (153_142, "153 k"), (3_504_872, "3.50 M"), (7 * 10**9, "7.00 G")]
)
def test_counts_are_shortened(number, text):
    assert number_format.count(number) == text


def test_no_noise_is_an_infinite_ratio():
    assert (number_format.decibels(None), number_format.decibels(43.21)) == ("∞", "43.2 dB")


@pytest.mark.parametrize(("number", "text"), [(1, "1 weight"), (288, "288 weights"), (3_504_872, "3.50 M weights")])
def test_weights_are_counted_in_good_english(number, text):
    assert str(number_format.weights(number)) == text

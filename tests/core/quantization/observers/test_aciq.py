"""ACIQ's threshold against the one of ncnn's own tool, and its limits."""

from pathlib import Path

import numpy as np
import pytest

from core.quantization.observers.aciq import aciq_threshold

RANGES = np.load(Path(__file__).parents[1] / "ncnn" / "golden" / "ranges.npz")


def test_thresholds_are_those_of_ncnn2table():
    limits = [
        aciq_threshold(float(abs_max), count=int(count))
        for abs_max, count in zip(RANGES["largest"], RANGES["counts"], strict=True)
    ]
    assert np.allclose(127 / np.array(limits), RANGES["aciq"], rtol=1e-5)


def test_many_values_are_clipped_below_their_maximum_and_few_are_not():
    assert aciq_threshold(1.0, count=9) > 1.0 > aciq_threshold(1.0, count=1_000_000)
    assert aciq_threshold(1.0, count=1) == np.inf


def test_6_bit_clips_earlier_than_8_bit():
    assert aciq_threshold(1.0, count=1000, levels=31) < aciq_threshold(1.0, count=1000)


def test_the_threshold_is_proportional_to_the_absolute_maximum():
    assert aciq_threshold(3.0, count=1000) == pytest.approx(3 * aciq_threshold(1.0, count=1000))

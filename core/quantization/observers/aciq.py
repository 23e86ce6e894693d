"""ACIQ's clipping threshold, as ncnn's ``ncnn2table`` computes it."""

from __future__ import annotations

import math

import numpy as np

_ALPHA = {127: 3.92403714, 31: 3.28691474}
"""Largest integer -> threshold of a normal distribution in standard deviations, for 8 and 6 bit."""

_GAUSSIAN = 0.5 * 0.35 * (1 + math.sqrt(math.pi * math.log(4)))
"""Standard deviation from the width of the range: this times width / sqrt(2 ln count)."""


def aciq_threshold(abs_max: float, *, count: int, levels: int = 127) -> float:
    """Where ACIQ clips values that it takes to be normally distributed.

    Algorithm: Banner et al., "Post training 4-bit quantization of convolutional networks", 2018, as in ncnn.

    Args:
        abs_max: absolute maximum of the values.
        count: how many values there are.
        levels: the largest integer that a value may become, 127 or 31.
    """
    width = float(np.float32(abs_max) * np.float32(2)) * _GAUSSIAN
    divisor = math.sqrt(2 * math.log(count)) if count > 1 else 0.0
    return _ALPHA[levels] * width / divisor if divisor else math.inf

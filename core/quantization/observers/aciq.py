"""Where to clip values by ACIQ, in ncnn's reading."""

from __future__ import annotations

import math

import numpy as np

_ACIQ_ALPHA = {127: 3.92403714, 31: 3.28691474}
_ACIQ_GAUSSIAN = 0.5 * 0.35 * (1 + math.sqrt(math.pi * math.log(4)))


def aciq_threshold(largest: float, *, count: int, levels: int = 127) -> float:
    """Where ACIQ clips values that it takes to be normally distributed.

    Algorithm: Banner et al., "Post training 4-bit quantization of convolutional networks", 2018, in ncnn's reading.

    Args:
        largest: greatest magnitude of the values.
        count: how many values there are.
        levels: the largest whole number that a value may become, 127 or 31.
    """
    width = float(np.float32(largest) * np.float32(2)) * _ACIQ_GAUSSIAN
    deviation = math.sqrt(2 * math.log(count)) if count > 1 else 0.0
    return _ACIQ_ALPHA[levels] * width / deviation if deviation else math.inf

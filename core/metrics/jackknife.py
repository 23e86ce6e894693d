"""95% confidence interval by the delete-a-group jackknife, for figures that are no mean over samples."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_STUDENT = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093),
)
"""Quantiles of Student's t for 95%, with 1 to 19 degrees of freedom; more have the last one, which is wider."""


def jackknife(value: float, without: NDArray[np.float64]) -> tuple[float, float] | None:
    """Interval about a figure (Kott, 2001: the variance is (G - 1) / G times the sum of squared deviations).

    Args:
        value: the figure over all samples.
        without: shape (groups,): the same without each of G groups of about equal size; NaN where it is not defined.

    Returns:
        None with fewer than two groups.
    """
    defined = without[np.isfinite(without)]
    if len(defined) < 2:
        return None
    freedom = len(defined) - 1
    error = math.sqrt(freedom / len(defined) * float(np.square(defined - defined.mean()).sum()))
    half = _STUDENT[min(freedom, len(_STUDENT)) - 1] * error
    return value - half, value + half

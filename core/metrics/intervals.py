"""95% confidence intervals: Wilson's for shares, the bootstrap over samples for everything else."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

_Z = 1.959964
"""Quantile of the normal distribution for 95%."""

_RESAMPLES = 1000
_SEED = 20261125
"""Fixed, so that the same measurements give the same interval."""


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Wilson's score interval for a share (Wilson, 1927); better than the normal one near 0 and 1.

    Args:
        successes: from 0 to ``trials``.
        trials: at least 1.
    """
    share, z2 = successes / trials, _Z * _Z
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = _Z / (1 + z2 / trials) * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials * trials))
    # Exactly 0 and 1 at the ends, which rounding would miss by a hair.
    low = centre - half if successes else 0.0
    return low, centre + half if successes < trials else 1.0


def bootstrap(
    samples: NDArray[np.float64], statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> tuple[float, float]:
    """Percentile bootstrap (Efron, 1979) over samples.

    Args:
        samples: shape (samples, figures), such as counts of each image.
        statistic: from sums over the samples, shape (resamples, figures), to one number for each; NaN where it is not
            defined.

    Returns:
        Where the statistic is never defined, (0, 1).
    """
    count = len(samples)
    generator = np.random.default_rng(_SEED)
    # How often each sample is drawn: shape (resamples, samples). Sums over drawn samples are then one product.
    weights = generator.multinomial(count, np.full(count, 1 / count), size=_RESAMPLES)
    values = statistic(weights.astype(np.float64) @ samples)
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 1.0
    low, high = np.percentile(values, (2.5, 97.5))
    return float(low), float(high)


def bootstrap_mean(values: NDArray[np.float64]) -> tuple[float, float]:
    """Interval of a mean, or of a mean of paired differences.

    Args:
        values: shape (samples,), at least one.
    """
    return bootstrap(np.column_stack([values, np.ones_like(values)]), lambda sums: sums[:, 0] / sums[:, 1])

"""How large the numbers of one blob become, and up to which magnitude 8 bit should reach: for symmetric ranges."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from core.common.errors import OptionError
from core.common.text import say
from core.quantization.observers.aciq import aciq_threshold
from core.quantization.observers.histogram import Histogram
from core.quantization.observers.kl_divergence import BINS, kl_thresholds
from core.quantization.observers.ranges import mean_square_abs_max, percentile

AbsMaxMethod = Literal["min-max", "percentile", "mean-square", "kl", "aciq", "eq"]
"""How the range of a layer's input is chosen; ``eq`` starts from ``min-max`` and goes on by trying."""

METHODS: tuple[AbsMaxMethod, ...] = get_args(AbsMaxMethod)

_COUNTED = frozenset({"percentile", "mean-square", "kl"})
_FINE_BINS = 8 * BINS
"""Half of them are for magnitudes, and at least 2 in 5 of those are in use: always more than KL asks for."""


def method_named(name: str) -> AbsMaxMethod:
    """The method of this name.

    Raises:
        OptionError: there is none.
    """
    for method in METHODS:
        if method == name:
            return method
    raise OptionError(
        say('There is no way to choose ranges that is called "{name}".', name=name),
        next_step=say("Choose one of these: {names}", names=", ".join(METHODS)),
    )


class AbsMaxObserver:
    """What is kept of a blob's numbers over all samples: the same few for ten pictures and for a thousand.

    Args:
        method: what they are kept for; some methods need no histogram.
    """

    def __init__(self, method: AbsMaxMethod) -> None:
        self.largest = 0.0
        """Infinity once a value was not a number or overflowed: nobody shall take the rest for the whole range."""
        self.count = 0
        """How many numbers the blob has in one sample."""
        self.histogram = Histogram(_FINE_BINS) if method in _COUNTED else None
        """Without exact zeros, which every range gives back exactly."""

    def add(self, values: NDArray[np.float32]) -> None:
        """Take in one sample."""
        magnitudes = np.abs(values)
        largest = float(magnitudes.max(initial=0.0))
        self.largest = max(self.largest, math.inf if math.isnan(largest) else largest)
        self.count = values.size
        if self.histogram is not None and 0.0 < largest < math.inf:
            self.histogram.add(magnitudes)
            # Taken out afterwards: it is much faster than picking the others.
            self.histogram.counts[_FINE_BINS // 2] -= values.size - np.count_nonzero(magnitudes)


def choose_abs_max(method: AbsMaxMethod, blobs: Mapping[str, AbsMaxObserver]) -> dict[str, float]:
    """The greatest magnitude that each blob's 8-bit numbers shall stand for.

    Args:
        method: how it is chosen.
        blobs: what was seen of each blob.

    Returns:
        Never more than the largest value seen; 0 where there were only zeros, infinity where that was infinite.
    """
    limits = {name: seen.largest for name, seen in blobs.items()}
    live = {name: seen for name, seen in blobs.items() if 0.0 < seen.largest < math.inf}
    if method == "aciq":
        limits |= {name: aciq_threshold(seen.largest, count=seen.count) for name, seen in live.items()}
    elif method in _COUNTED:
        limits |= _by_histogram(method, live)
    return {name: min(limit, blobs[name].largest) for name, limit in limits.items()}


def _by_histogram(method: AbsMaxMethod, live: Mapping[str, AbsMaxObserver]) -> dict[str, float]:
    counted = {name: (seen.histogram, seen.largest) for name, seen in live.items() if seen.histogram is not None}
    if method == "percentile":
        return {name: percentile(histogram)[1] for name, (histogram, _) in counted.items()}
    if method == "mean-square":
        return {name: mean_square_abs_max(histogram, largest) for name, (histogram, largest) in counted.items()}
    if not counted:
        return {}
    largest = np.array([largest for _, largest in counted.values()], np.float32)
    bins = np.stack([_rebinned(histogram, largest) for histogram, largest in counted.values()])
    return dict(zip(counted, kl_thresholds(bins, largest).tolist(), strict=True))


def _rebinned(histogram: Histogram, largest: float) -> NDArray[np.float64]:
    """Counts in as many bins from 0 to ``largest`` as KL looks at; those of a bin that is cut are shared out."""
    below = np.concatenate([[0], np.cumsum(histogram.counts)])
    return np.diff(np.interp(np.linspace(0.0, largest, BINS + 1), histogram.edges, below))

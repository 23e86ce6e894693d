"""Observer for symmetric ranges: the absolute maximum of a blob, and the one that 8 bit should cover."""

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
"""How the range of a layer's input is chosen; ``eq`` starts from ``min-max`` and searches the scale by trials."""

METHODS: tuple[AbsMaxMethod, ...] = get_args(AbsMaxMethod)

_HISTOGRAM_METHODS = frozenset({"percentile", "mean-square", "kl"})
_HISTOGRAM_BINS = 8 * BINS
"""Half of them are for absolute values, and at least 2 in 5 of those are in use: always more than KL needs."""


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
    """Statistics of one blob over all samples, in constant memory.

    Args:
        method: for which they are collected; some methods need no histogram.
    """

    def __init__(self, method: AbsMaxMethod) -> None:
        self.abs_max = 0.0
        """Infinity once a value was NaN or infinite, so that the rest is not mistaken for the whole range."""
        self.count = 0
        """How many values the blob has in one sample."""
        self.histogram = Histogram(_HISTOGRAM_BINS) if method in _HISTOGRAM_METHODS else None
        """Of absolute values, without exact zeros, which every scale represents exactly."""

    def update(self, values: NDArray[np.float32]) -> None:
        """Add one sample."""
        absolute = np.abs(values)
        abs_max = float(absolute.max(initial=0.0))
        self.abs_max = max(self.abs_max, math.inf if math.isnan(abs_max) else abs_max)
        self.count = values.size
        if self.histogram is not None and 0.0 < abs_max < math.inf:
            self.histogram.update(absolute)
            # Subtracting the zeros afterwards is much faster than selecting the others.
            self.histogram.counts[_HISTOGRAM_BINS // 2] -= values.size - np.count_nonzero(absolute)


def choose_abs_max(method: AbsMaxMethod, observers: Mapping[str, AbsMaxObserver]) -> dict[str, float]:
    """The absolute value that 127 should stand for, for each blob.

    Args:
        method: how it is chosen.
        observers: blob -> its statistics.

    Returns:
        Never more than the absolute maximum; 0 where there were only zeros, infinity where that was infinite.
    """
    limits = {name: observer.abs_max for name, observer in observers.items()}
    usable = {name: observer for name, observer in observers.items() if 0.0 < observer.abs_max < math.inf}
    if method == "aciq":
        limits |= {name: aciq_threshold(observer.abs_max, count=observer.count) for name, observer in usable.items()}
    elif method in _HISTOGRAM_METHODS:
        limits |= _by_histogram(method, usable)
    return {name: min(limit, observers[name].abs_max) for name, limit in limits.items()}


def _by_histogram(method: AbsMaxMethod, observers: Mapping[str, AbsMaxObserver]) -> dict[str, float]:
    counted = {
        name: (observer.histogram, observer.abs_max)
        for name, observer in observers.items()
        if observer.histogram is not None
    }
    if method == "percentile":
        return {name: percentile(histogram)[1] for name, (histogram, _) in counted.items()}
    if method == "mean-square":
        return {name: mean_square_abs_max(histogram, abs_max) for name, (histogram, abs_max) in counted.items()}
    if method != "kl":
        raise ValueError(f"no rule for {method}")
    if not counted:
        return {}
    abs_max = np.array([abs_max for _, abs_max in counted.values()], np.float32)
    counts = np.stack([_rebinned(histogram, abs_max) for histogram, abs_max in counted.values()])
    return dict(zip(counted, kl_thresholds(counts, abs_max).tolist(), strict=True))


def _rebinned(histogram: Histogram, abs_max: float) -> NDArray[np.float64]:
    """Counts in as many bins from 0 to ``abs_max`` as KL takes; those of a bin that is cut are divided linearly."""
    below = np.concatenate([[0], np.cumsum(histogram.counts)])
    return np.diff(np.interp(np.linspace(0.0, abs_max, BINS + 1), histogram.edges, below))

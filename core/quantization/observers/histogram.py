"""Histogram observer: how the values of one tensor are distributed, counted in constant memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BINS = 2048
"""Fine enough that the width of a bin is far below one 8-bit quantisation step."""

_CHUNK = 1 << 16
"""Values counted at once: what stays in the processor's cache is counted in half the time."""


class Histogram:
    """Counts in bins of equal width; the range grows with the values, so one pass is enough.

    When a value lies outside, the bins become twice as wide (neighbours are merged) until it fits.
    The counts stay exact; only the resolution falls: to either side of 0 the bins reach at most
    twice as far as the absolute maximum.

    Args:
        bins: number of bins; a multiple of 4.
    """

    def __init__(self, bins: int = BINS) -> None:
        self.counts: NDArray[np.int64] = np.zeros(bins, np.int64)
        self.start = 0.0
        """Lower edge of the first bin."""
        self.width = 0.0
        """Of one bin, in the unit of the tensor; 0 before the first value other than 0."""
        self._zeros = 0  # counted before the width was known

    @property
    def edges(self) -> NDArray[np.float64]:
        """Edges of the bins: shape (bins + 1,)."""
        edges: NDArray[np.float64] = self.start + self.width * np.arange(self.counts.size + 1, dtype=np.float64)
        return edges

    @property
    def total(self) -> int:
        """Number of values counted."""
        return int(self.counts.sum()) + self._zeros

    def update(self, values: NDArray[np.float32]) -> None:
        """Count values of any shape; NaN and infinities are left out."""
        finite = np.isfinite(values)
        values = values.ravel() if finite.all() else values[finite]
        if not values.size:
            return
        low, high = float(values.min()), float(values.max())
        if self.width == 0.0 and not self._begin(max(-low, high), values.size):
            return
        self._grow(low, high)
        for start in range(0, values.size, _CHUNK):
            self._count(values[start : start + _CHUNK])

    def _count(self, values: NDArray[np.float32]) -> None:
        bins = self.counts.size
        indices = (values * (1.0 / self.width) + bins // 2).astype(np.int64)  # 0 comes out on its edge exactly
        self.counts += np.bincount(np.clip(indices, 0, bins - 1), minlength=bins)

    def _begin(self, abs_max: float, count: int) -> bool:
        """Choose the first width, with 0 on an edge; False where there are only zeros."""
        if abs_max == 0.0:
            self._zeros += count
            return False
        # A quarter wider than need be, so that the next values seldom make the bins wider.
        self.width = 2.5 * abs_max / self.counts.size
        self.start = -self.width * (self.counts.size // 2)
        self.counts[self.counts.size // 2] += self._zeros
        self._zeros = 0
        return True

    def _grow(self, low: float, high: float) -> None:
        half = self.counts.size // 2
        while low < self.start or high >= self.start + self.width * self.counts.size:
            pairs = self.counts.reshape(half, 2).sum(axis=1)
            self.counts = np.zeros(self.counts.size, np.int64)
            self.counts[half // 2 : half // 2 + half] = pairs
            self.start -= self.width * half
            self.width *= 2

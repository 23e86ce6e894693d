"""How the values of one tensor are distributed, counted in constant memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BINS = 2048
"""Fine enough that the width of a bin is far below the step of 8 bit numbers."""

_CHUNK = 1 << 16
"""Numbers worked on at once: what stays in the processor's cache is counted in half the time."""


class Histogram:
    """Counts in bins of equal width; the range grows with the values, so one pass is enough.

    When a value lies outside, the bins become twice as wide (neighbours are added up) until it fits.
    The counts stay exact; only their resolution falls, and always spans at most twice the true range
    to either side.

    Args:
        bins: how many; a multiple of 4.
    """

    def __init__(self, bins: int = BINS) -> None:
        self.counts: NDArray[np.int64] = np.zeros(bins, np.int64)
        self.start = 0.0
        """Lower edge of the first bin."""
        self.width = 0.0
        """Of one bin, in the unit of the tensor; 0 before the first value other than 0."""
        self._zeros = 0  # seen before the width was known

    @property
    def edges(self) -> NDArray[np.float64]:
        """The borders of the bins: one more than there are bins."""
        edges: NDArray[np.float64] = self.start + self.width * np.arange(self.counts.size + 1, dtype=np.float64)
        return edges

    @property
    def total(self) -> int:
        """How many values were counted."""
        return int(self.counts.sum()) + self._zeros

    def add(self, values: NDArray[np.float32]) -> None:
        """Count values; those that are no finite numbers are left out."""
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
        places = (values * (1.0 / self.width) + bins // 2).astype(np.int64)  # 0 comes out on its edge exactly
        self.counts += np.bincount(np.clip(places, 0, bins - 1), minlength=bins)

    def _begin(self, magnitude: float, count: int) -> bool:
        """Choose the first width, with 0 on an edge; nothing but zeros tells no width."""
        if magnitude == 0.0:
            self._zeros += count
            return False
        # Not as tight as could be, so that the next values hardly ever make the bins wider.
        self.width = 2.5 * magnitude / self.counts.size
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

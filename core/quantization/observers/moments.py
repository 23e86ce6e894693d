"""Means and products of a layer's inputs, summed up in constant memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BATCH = 512
"""Rows that are kept until they are multiplied together: one large product is much faster than many small ones."""

_MOST = 500_000
"""Numbers that are kept so: there is a store for each layer, and depthwise ones have many columns."""


class Moments:
    """First and second moments of rows that come in blocks of columns."""

    def __init__(self) -> None:
        self._waiting: list[NDArray[np.float32]] = []
        self._sums: NDArray[np.float64] | None = None
        self._products: NDArray[np.float32] | None = None
        self._count = 0

    def add(self, rows: NDArray[np.float32]) -> None:
        """Take in rows.

        Args:
            rows: (blocks, rows, columns of a block).
        """
        self._waiting.append(rows)
        if sum(part.shape[1] for part in self._waiting) >= _BATCH or sum(part.size for part in self._waiting) >= _MOST:
            self._flush()

    @property
    def means(self) -> NDArray[np.float64]:
        """Mean of each column: (blocks, columns)."""
        self._flush()
        assert self._sums is not None
        return self._sums / self._count

    @property
    def products(self) -> NDArray[np.float64]:
        """Mean product of each two columns of a block: (blocks, columns, columns)."""
        self._flush()
        assert self._products is not None
        return self._products.astype(np.float64) / self._count

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Of each two columns of a block: (blocks, columns, columns)."""
        means = self.means
        return self.products - means[:, :, np.newaxis] * means[:, np.newaxis, :]

    def _flush(self) -> None:
        if not self._waiting:
            return
        rows = np.concatenate(self._waiting, axis=1)
        self._waiting = []
        sums = rows.sum(axis=1, dtype=np.float64)
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is told from the infinities that it leaves
            products = rows.transpose(0, 2, 1) @ rows
        self._count += rows.shape[1]
        if self._sums is None or self._products is None:
            self._sums, self._products = sums, products
        else:
            self._sums += sums
            self._products += products

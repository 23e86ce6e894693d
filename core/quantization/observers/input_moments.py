"""Observer of a layer's inputs for GPTQ and bias correction: means and mean products, in constant memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BATCH_ROWS = 512
"""Rows that are collected before they are multiplied: one large product is much faster than many small ones."""

_BATCH_VALUES = 200_000
"""Values that are collected at most: every layer has a batch, and depthwise ones have many columns."""


class InputMoments:
    """First and second moments of the rows (im2col patches) that a layer multiplies its weights with.

    A layer's weights are seen as ``blocks`` of matrices, each with ``columns`` inputs: see
    :class:`core.quantization.onnx.layers.QuantizableLayer`.
    """

    def __init__(self) -> None:
        self._batch: list[NDArray[np.float32]] = []
        self._sums: NDArray[np.float64] | None = None
        self._products: NDArray[np.float32] | None = None
        self._count = 0

    def update(self, rows: NDArray[np.float32]) -> None:
        """Add rows.

        Args:
            rows: shape (blocks, rows, columns).
        """
        self._batch.append(rows)
        count = sum(part.shape[1] for part in self._batch)
        if count >= _BATCH_ROWS or sum(part.size for part in self._batch) >= _BATCH_VALUES:
            self.flush()

    @property
    def is_empty(self) -> bool:
        """Whether there were no rows so far."""
        return not self._batch and not self._count

    @property
    def means(self) -> NDArray[np.float64]:
        """Mean of each column: shape (blocks, columns)."""
        self.flush()
        assert self._sums is not None
        return self._sums / self._count

    @property
    def products(self) -> NDArray[np.float64]:
        """X^T X / rows, which is GPTQ's Hessian 2 X^T X up to a factor: shape (blocks, columns, columns)."""
        self.flush()
        assert self._products is not None
        return self._products.astype(np.float64) / self._count

    @property
    def covariance(self) -> NDArray[np.float64]:
        """The Hessian where a bias corrects the mean error: shape (blocks, columns, columns)."""
        means = self.means
        return self.products - means[:, :, np.newaxis] * means[:, np.newaxis, :]

    def flush(self) -> None:
        """Count what was collected and let go of it."""
        if not self._batch:
            return
        rows = np.concatenate(self._batch, axis=1)
        self._batch = []
        sums = rows.sum(axis=1, dtype=np.float64)
        with np.errstate(over="ignore", invalid="ignore"):  # an overflow leaves infinities, which GPTQ checks for
            products = rows.transpose(0, 2, 1) @ rows
        self._count += rows.shape[1]
        if self._sums is None or self._products is None:
            self._sums, self._products = sums, products
        else:
            self._sums += sums
            self._products += products

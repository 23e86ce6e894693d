"""Whether samples differ at all: on a set that hardly varies, ranges and comparisons mean nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from core.runtimes.predictor import Tensor

_VALUES = 4096
"""Values of a tensor that are looked at in one sample, about."""

_LEAST_VARIANCE = 1e-6
"""Variance between samples, as a share of the mean square, below which a tensor hardly varies: 0.1% of its size."""


class Variety:
    """Variance between samples against magnitude, for tensors by name; needs memory for one sample only."""

    def __init__(self) -> None:
        self._count = 0
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._sums: dict[str, Tensor] = {}
        self._squares: dict[str, Tensor] = {}
        self._varies = False

    def update(self, tensors: Mapping[str, Tensor], *, ignored: Collection[str] = ()) -> None:
        """Add one sample.

        Args:
            tensors: inputs or outputs.
            ignored: names of tensors that do not count, such as inputs that are the same for every sample.
        """
        self._count += 1
        if self._varies:
            return
        for name, tensor in tensors.items():
            if name in ignored or tensor.dtype.kind not in "fiub":
                continue
            if self._shapes.setdefault(name, tensor.shape) != tensor.shape:
                self._varies = True
                return
            # An odd stride meets every column of an image whose sides are powers of two.
            values = tensor.reshape(-1)[:: max(1, tensor.size // _VALUES) | 1].astype(np.float64)
            values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
            if name not in self._sums:
                self._sums[name], self._squares[name] = np.zeros_like(values), np.zeros_like(values)
            self._sums[name] += values
            self._squares[name] += values**2

    @property
    def is_low(self) -> bool:
        """Whether there were several samples, and every tensor was nearly the same in all of them."""
        return not self._varies and self._count > 1 and bool(self._sums) and all(map(self._is_constant, self._sums))

    def _is_constant(self, name: str) -> bool:
        square = float(self._squares[name].sum()) / self._count
        variance = square - float((self._sums[name] ** 2).sum()) / self._count**2
        return variance <= _LEAST_VARIANCE * square

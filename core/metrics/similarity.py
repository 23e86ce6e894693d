"""How far one tensor strays from another, summed up over any number of pictures in constant memory."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.job.comparison import OutputDifference
from core.runtimes.predictor import Tensor

_MOST_COLUMNS, _LEAST_ROWS = 1024, 16
"""What looks like a table of results."""

_FOUND = 0.1
"""Scores that never reach this found nothing, and differences between them say nothing."""


class SimilarityMetric:
    """Cosine, SQNR and the largest difference of one output, accumulated in float64."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._whole = _Sums(1)
        self._columns: _Columns | None = None

    def update(self, source: Tensor, other: Tensor) -> float:
        """Take in one pair of tensors of the same number of elements; return their own cosine."""
        a = source.astype(np.float64).reshape(1, -1)
        b = other.astype(np.float64).reshape(1, -1)
        own = _Sums(1)
        own.add(a, b)
        if self._whole.count == 0:
            self._columns = _columns_of(source)
        self._whole.include(own)
        if self._columns is not None and not self._columns.add(source, other):
            self._columns = None
        return own.cosine()

    def compute(self) -> OutputDifference:
        """The figures over everything so far."""
        scores = self._columns.scores if self._columns is not None else None
        return replace(
            self._whole.difference(self._name), scores=None if scores is None else scores.difference(self._name)
        )


class _Sums:
    """What the figures are made of, for each of several parts of a tensor."""

    def __init__(self, parts: int) -> None:
        self.count = 0
        self._products = np.zeros((4, parts))  # source by other, source by source, other by other, the difference
        self._largest = np.zeros(parts)

    def add(self, a: NDArray[np.float64], b: NDArray[np.float64]) -> None:
        """Take in the parts, (parts, values) each; where both hold the same infinity or no number, they agree."""
        if not (np.isfinite(a).all() and np.isfinite(b).all()):
            alike = ~np.isfinite(a) & ((a == b) | (np.isnan(a) & np.isnan(b)))
            a, b = np.where(alike, 0.0, a), np.where(alike, 0.0, b)
        difference = a - b
        pairs = ((a, b), (a, a), (b, b), (difference, difference))
        self._products += [np.einsum("pv,pv->p", one, other) for one, other in pairs]
        self._largest = np.maximum(self._largest, np.abs(difference).max(axis=1, initial=0.0))
        self.count += 1

    def include(self, other: _Sums) -> None:
        """Take in what another one has summed up."""
        self._products += other._products
        self._largest = np.maximum(self._largest, other._largest)
        self.count += other.count

    def together(self, chosen: NDArray[np.bool_]) -> _Sums:
        """Some of the parts as one."""
        one = _Sums(1)
        one._products = self._products[:, chosen].sum(axis=1, keepdims=True)
        one._largest = self._largest[chosen].max(keepdims=True)
        return one

    def cosine(self) -> float:
        """Of the first part."""
        dot, power, other_power, _ = self._products[:, 0].tolist()
        return _cosine(dot, power, other_power)

    def difference(self, name: str) -> OutputDifference:
        """The figures of the first part."""
        _, power, _, noise = self._products[:, 0].tolist()
        return OutputDifference(name, self.cosine(), _decibels(power, noise), float(self._largest[0]))


class _Columns:
    """One set of sums for each column of an output that is a table: a coordinate, or the scores of a class."""

    def __init__(self, axis: int, count: int) -> None:
        self._axis = axis
        self._sums = _Sums(count)
        self._lowest = np.full(count, np.inf)
        self._highest = np.full(count, -np.inf)

    def add(self, source: Tensor, other: Tensor) -> bool:
        """Take in one pair; False if it has other columns than those before."""
        if source.ndim <= self._axis or source.shape[self._axis] != self._lowest.size or source.shape != other.shape:
            return False
        a, b = (self._table(tensor) for tensor in (source, other))
        self._sums.add(a, b)
        self._lowest = np.minimum(self._lowest, a.min(axis=1, initial=np.inf))
        self._highest = np.maximum(self._highest, a.max(axis=1, initial=-np.inf))
        return True

    def _table(self, tensor: Tensor) -> NDArray[np.float64]:
        return np.moveaxis(tensor.astype(np.float64), self._axis, 0).reshape(self._lowest.size, -1)

    @property
    def scores(self) -> _Sums | None:
        """Of the columns between 0 and 1 together, if others are not and something was found at all."""
        between = (self._lowest >= 0.0) & (self._highest <= 1.0)
        if between.all() or not between.any() or self._highest[between].max() < _FOUND:
            return None
        return self._sums.together(between)


def _columns_of(tensor: Tensor) -> _Columns | None:
    """Sums for the columns of a table of results, which lie along its second or its last axis; None if it is none."""
    if tensor.ndim < 3:
        return None
    axis = min((1, tensor.ndim - 1), key=lambda place: tensor.shape[place])
    columns = tensor.shape[axis]
    rows = tensor.size // columns if columns else 0
    return _Columns(axis, columns) if 1 < columns <= _MOST_COLUMNS and rows >= _LEAST_ROWS else None


class ModelSimilarity:
    """One :class:`DifferenceMeter` for each output of a model."""

    def __init__(self, outputs: Sequence[str]) -> None:
        self._metrics = {name: SimilarityMetric(name) for name in outputs}

    def update(self, source: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> float:
        """Take in the answers to one input; return the cosine of the output that strays most."""
        return min(metric.update(source[name], other[name]) for name, metric in self._metrics.items())

    def compute(self) -> tuple[OutputDifference, ...]:
        """The figures of every output, in the source's order."""
        return tuple(metric.compute() for metric in self._metrics.values())

    @property
    def cosine(self) -> float:
        """Of the output that strays most."""
        return min(difference.worst.cosine for difference in self.compute())


def least_cosine(source: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> float:
    """Cosine of the output that strays most, for one input."""
    return ModelSimilarity(tuple(source)).update(source, other)


def _cosine(dot: float, power: float, other_power: float) -> float:
    if power == 0.0 or other_power == 0.0:
        return 1.0 if power == other_power else 0.0
    # Two roots, since the product of the powers may overflow; rounding may lead just past 1.
    return max(-1.0, min(1.0, dot / (math.sqrt(power) * math.sqrt(other_power))))


def _decibels(power: float, noise: float) -> float:
    if noise == 0.0:
        return math.inf
    return 10.0 * math.log10(power / noise) if power > 0.0 else -math.inf

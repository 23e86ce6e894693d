"""Cosine similarity, SQNR and maximum difference of two models' outputs, over any number of samples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.job.comparison import OutputDifference
from core.runtimes.predictor import Tensor

_MAX_COLUMNS, _MIN_ROWS = 1024, 16
"""Limits within which an output counts as a table of detections, one a row."""

_DETECTED = 0.1
"""Where no score ever reaches this, nothing was detected, and differences between the scores mean nothing."""


class SimilarityMetric:
    """Cosine, SQNR and maximum absolute difference of one output, accumulated in float64.

    Args:
        name: of the output.
        finds_scores: whether a detector's columns of scores are looked for and measured by themselves too.
    """

    def __init__(self, name: str, *, finds_scores: bool = True) -> None:
        self._name = name
        self._finds_scores = finds_scores
        self._total = _Moments(1)
        self._columns: _ColumnMoments | None = None
        self._lowest, self._highest = np.inf, -np.inf

    def update(self, source: Tensor, other: Tensor) -> float:
        """Add one pair of tensors with the same number of elements; return the cosine of this pair alone."""
        a = source.astype(np.float64).reshape(1, -1)
        b = other.astype(np.float64).reshape(1, -1)
        pair = _Moments(1)
        pair.update(a, b)
        self._lowest = min(self._lowest, float(a.min(initial=np.inf)))
        self._highest = max(self._highest, float(a.max(initial=-np.inf)))
        if self._total.count == 0 and self._finds_scores:
            self._columns = _column_moments(source)
        self._total.merge(pair)
        if self._columns is not None and not self._columns.update(source, other):
            self._columns = None
        return pair.cosine()

    def compute(self) -> OutputDifference:
        """The metrics over all pairs so far."""
        scores = self._columns.scores if self._columns is not None else None
        return replace(
            self._total.difference(self._name),
            scores=None if scores is None else scores.difference(self._name),
            shows_nothing=self._lowest >= 0.0 and self._highest < _DETECTED,
        )


class _Moments:
    """Second moments of (source, other, source - other), and the maximum absolute difference, per group of values.

    Args:
        groups: number of groups, each with metrics of its own: 1 for a whole tensor, or one for each column.
    """

    def __init__(self, groups: int) -> None:
        self.count = 0
        self._products = np.zeros((4, groups))  # sums of source*other, source^2, other^2, (source - other)^2
        self._max_difference = np.zeros(groups)

    def update(self, a: NDArray[np.float64], b: NDArray[np.float64]) -> None:
        """Add values of shape (groups, values); where both are the same infinity, or both NaN, they count as equal."""
        if not (np.isfinite(a).all() and np.isfinite(b).all()):
            equal = ~np.isfinite(a) & ((a == b) | (np.isnan(a) & np.isnan(b)))
            a, b = np.where(equal, 0.0, a), np.where(equal, 0.0, b)
        difference = a - b
        pairs = ((a, b), (a, a), (b, b), (difference, difference))
        self._products += [np.einsum("gv,gv->g", one, other) for one, other in pairs]
        self._max_difference = np.maximum(self._max_difference, np.abs(difference).max(axis=1, initial=0.0))
        self.count += 1

    def merge(self, other: _Moments) -> None:
        """Add what another one has accumulated."""
        self._products += other._products
        self._max_difference = np.maximum(self._max_difference, other._max_difference)
        self.count += other.count

    def pooled(self, chosen: NDArray[np.bool_]) -> _Moments:
        """The chosen groups as one."""
        pooled = _Moments(1)
        pooled._products = self._products[:, chosen].sum(axis=1, keepdims=True)
        pooled._max_difference = self._max_difference[chosen].max(keepdims=True)
        return pooled

    def cosine(self) -> float:
        """Of the first group."""
        dot, power, other_power, _ = self._products[:, 0].tolist()
        return _cosine(dot, power, other_power)

    def difference(self, name: str) -> OutputDifference:
        """The metrics of the first group."""
        _, power, _, noise = self._products[:, 0].tolist()
        return OutputDifference(name, self.cosine(), _decibels(power, noise), float(self._max_difference[0]))


class _ColumnMoments:
    """Moments and value range of each column of a detector's output: of a coordinate, or of a class's scores."""

    def __init__(self, axis: int, count: int) -> None:
        self._axis = axis
        self._moments = _Moments(count)
        self._minimum = np.full(count, np.inf)
        self._maximum = np.full(count, -np.inf)

    def update(self, source: Tensor, other: Tensor) -> bool:
        """Add one pair; False if it has other columns than those before."""
        if source.ndim <= self._axis or source.shape[self._axis] != self._minimum.size or source.shape != other.shape:
            return False
        a, b = (self._by_column(tensor) for tensor in (source, other))
        self._moments.update(a, b)
        self._minimum = np.minimum(self._minimum, a.min(axis=1, initial=np.inf))
        self._maximum = np.maximum(self._maximum, a.max(axis=1, initial=-np.inf))
        return True

    def _by_column(self, tensor: Tensor) -> NDArray[np.float64]:
        """As (columns, rows)."""
        return np.moveaxis(tensor.astype(np.float64), self._axis, 0).reshape(self._minimum.size, -1)

    @property
    def scores(self) -> _Moments | None:
        """Of the columns within [0, 1] together, if other columns are not and something was detected at all."""
        is_score = (self._minimum >= 0.0) & (self._maximum <= 1.0)
        if is_score.all() or not is_score.any() or self._maximum[is_score].max() < _DETECTED:
            return None
        return self._moments.pooled(is_score)


def _column_moments(tensor: Tensor) -> _ColumnMoments | None:
    """For an output (1, columns, rows) or (..., rows, columns): the shorter axis has the columns. Else None."""
    if tensor.ndim < 3:
        return None
    axis = min((1, tensor.ndim - 1), key=lambda place: tensor.shape[place])
    columns = tensor.shape[axis]
    rows = tensor.size // columns if columns else 0
    return _ColumnMoments(axis, columns) if 1 < columns <= _MAX_COLUMNS and rows >= _MIN_ROWS else None


class ModelSimilarity:
    """One :class:`SimilarityMetric` for each output of a model."""

    def __init__(self, outputs: Sequence[str]) -> None:
        self._metrics = {name: SimilarityMetric(name) for name in outputs}

    def update(self, source: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> float:
        """Add the outputs for one sample; return the lowest cosine of any output for this sample."""
        return min(metric.update(source[name], other[name]) for name, metric in self._metrics.items())

    def compute(self) -> tuple[OutputDifference, ...]:
        """The metrics of every output, in the source's order."""
        return tuple(metric.compute() for metric in self._metrics.values())

    @property
    def cosine(self) -> float:
        """Of the output that differs most."""
        return min(difference.worst.cosine for difference in self.compute())


def least_cosine_through(between: float, least: float) -> float:
    """Least cosine of a file with the source, if ``least`` is required with a model between the two.

    Angles add up at most. That of the model between was measured on one sample, so on others it may be twice as large.

    Args:
        between: cosine of the model between with the source.
        least: required cosine of a file with the model between.
    """
    return least if between >= 1 else math.cos(2 * math.acos(between) + math.acos(least))


def _cosine(dot: float, power: float, other_power: float) -> float:
    if power == 0.0 or other_power == 0.0:
        return 1.0 if power == other_power else 0.0
    # Two roots, since the product of the powers may overflow; rounding may lead just past 1.
    cosine = dot / (math.sqrt(power) * math.sqrt(other_power))
    return 0.0 if math.isnan(cosine) else max(-1.0, min(1.0, cosine))


def _decibels(power: float, noise: float) -> float:
    if noise == 0.0:
        return math.inf
    # The noise is infinite or NaN where only one of the two tensors is; a tiny power over a large one underflows.
    ratio = power / noise
    return 10.0 * math.log10(ratio) if ratio > 0.0 else -math.inf

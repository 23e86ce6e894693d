"""Metrics that are means over the samples: one number, or a few, for each sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeAlias

import numpy as np
from numpy.typing import NDArray

from core.job.comparison import Agreement, AgreementName, TruthFigure, TruthName
from core.metrics.intervals import bootstrap_mean, wilson
from core.tasks.base import P_contra, TruthMetric
from core.tasks.predictions import Truth

Compared: TypeAlias = tuple[float, int, Mapping[str, float]]
"""Agreement of one sample, how many things the source found in it, and further figures."""


class MeanAgreement(Generic[P_contra]):
    """The mean of the samples' own agreements.

    Args:
        metric: its name.
        compare: from the source's prediction and another one to their agreement. Samples in which neither finds
            anything count 0 things; they are left out of the mean.
    """

    def __init__(self, metric: AgreementName, compare: Callable[[P_contra, P_contra], Compared]) -> None:
        self._metric = metric
        self._compare = compare
        self._samples: list[Compared] = []

    def update(self, source: P_contra, other: P_contra) -> float:
        """Add one sample; its agreement."""
        compared = self._compare(source, other)
        self._samples.append(compared)
        return compared[0]

    def compute(self) -> Agreement | None:
        """The mean with its interval; None where nothing was found in any sample."""
        counted = [sample for sample in self._samples if sample[1]]
        if not counted:
            return None
        values = np.array([value for value, _, _ in counted])
        low, high = mean_interval(values)
        names = counted[0][2]
        details = {name: float(np.mean([figures[name] for _, _, figures in counted])) for name in names}
        count = sum(number for _, number, _ in counted)
        return Agreement(self._metric, float(values.mean()), low, high, len(self._samples), count, details)


class MeanTruth(Generic[P_contra]):
    """Means of figures that each labelled sample has by itself.

    Args:
        names: of the figures, the most important first.
        score: from a prediction and a label to one number, 0 to 1, for each; None for a label of another kind.
    """

    def __init__(self, names: Sequence[TruthName], score: Callable[[P_contra, Truth], Sequence[float] | None]) -> None:
        self._names = tuple(names)
        self._score = score
        self._rows: list[Sequence[float]] = []

    def update(self, prediction: P_contra, truth: Truth) -> None:
        """Add one labelled sample."""
        row = self._score(prediction, truth)
        if row is not None:
            self._rows.append(row)

    def compute(self, source: TruthMetric[Any] | None = None) -> tuple[TruthFigure, ...]:
        """The means, with the intervals of their paired differences from the source's.

        Args:
            source: the source's own, over the same samples.
        """
        if not self._rows:
            return ()
        rows = np.array(self._rows, dtype=np.float64)
        others = np.array(source._rows, dtype=np.float64) if isinstance(source, MeanTruth) else None
        if others is not None and others.shape != rows.shape:
            others = None
        return tuple(
            _figure(name, rows[:, index], None if others is None else others[:, index])
            for index, name in enumerate(self._names)
        )


def mean_interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """95% interval of a mean of numbers from 0 to 1: Wilson's where all are 0 or 1, else the bootstrap's."""
    if set(np.unique(values)) <= {0.0, 1.0}:
        return wilson(int(values.sum()), len(values))
    return bootstrap_mean(values)


def _figure(name: TruthName, values: NDArray[np.float64], source: NDArray[np.float64] | None) -> TruthFigure:
    if source is None:
        return TruthFigure(name, float(values.mean()), len(values))
    differences = values - source
    low, high = bootstrap_mean(differences)
    return TruthFigure(name, float(values.mean()), len(values), float(differences.mean()), low, high)

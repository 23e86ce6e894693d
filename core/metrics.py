"""How far one tensor strays from another, summed up over any number of pictures in constant memory."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from core.outcome import OutputDifference
from core.runtimes.predictor import Tensor


class DifferenceMeter:
    """Cosine, SQNR and the largest difference of one output, accumulated in float64."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._dot = self._source_power = self._other_power = self._noise = self._largest = 0.0

    def add(self, source: Tensor, other: Tensor) -> float:
        """Take in one pair of tensors of the same number of elements; return their own cosine."""
        a = source.astype(np.float64).ravel()
        b = other.astype(np.float64).ravel()
        difference = a - b
        dot, source_power, other_power = float(a @ b), float(a @ a), float(b @ b)
        self._dot += dot
        self._source_power += source_power
        self._other_power += other_power
        self._noise += float(difference @ difference)
        self._largest = max(self._largest, float(np.abs(difference).max(initial=0.0)))
        return _cosine(dot, source_power, other_power)

    @property
    def difference(self) -> OutputDifference:
        """The figures over everything added so far."""
        return OutputDifference(
            name=self._name,
            cosine=_cosine(self._dot, self._source_power, self._other_power),
            sqnr_db=_decibels(self._source_power, self._noise),
            largest=self._largest,
        )


class ModelMeter:
    """One :class:`DifferenceMeter` for each output of a model."""

    def __init__(self, outputs: Sequence[str]) -> None:
        self._meters = {name: DifferenceMeter(name) for name in outputs}

    def add(self, source: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> float:
        """Take in the answers to one input; return the cosine of the output that strays most."""
        return min(meter.add(source[name], other[name]) for name, meter in self._meters.items())

    @property
    def differences(self) -> tuple[OutputDifference, ...]:
        """The figures of every output, in the source's order."""
        return tuple(meter.difference for meter in self._meters.values())

    @property
    def cosine(self) -> float:
        """Of the output that strays most."""
        return min(difference.cosine for difference in self.differences)


def least_cosine(source: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> float:
    """Cosine of the output that strays most, for one input."""
    return ModelMeter(tuple(source)).add(source, other)


def _cosine(dot: float, power: float, other_power: float) -> float:
    if power == 0.0 or other_power == 0.0:
        return 1.0 if power == other_power else 0.0
    # Two roots, since the product of the powers may overflow; rounding may lead just past 1.
    return max(-1.0, min(1.0, dot / (math.sqrt(power) * math.sqrt(other_power))))


def _decibels(power: float, noise: float) -> float:
    if noise == 0.0:
        return math.inf
    return 10.0 * math.log10(power / noise) if power > 0.0 else -math.inf

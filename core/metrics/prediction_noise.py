"""Quantisation noise in the terms of the model's task, where that of the outputs says little about the answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from core.runtimes.predictor import Feeds, Tensor

Outputs: TypeAlias = Mapping[str, Tensor]

_MIN_POWER = 1e-12
"""Power that predictions are taken to have at least, so that those of nothing do not divide by zero."""


@dataclass(frozen=True)
class PredictionNoise:
    """How the noise of predictions is measured, and on what.

    A detector's outputs describe thousands of boxes, nearly all of the background. What a layer does to the few that
    are shown is lost in the noise of all of them together.
    """

    predict: Callable[[Feeds, Outputs], Any]
    """Decodes the outputs for an input."""

    measure: Callable[[Any, Any], tuple[float, float]]
    """From the prediction in float and that in 8 bit to the noise of the latter and the power of the former."""

    samples: tuple[int, ...]
    """Numbers of the calibration inputs to measure on: those whose predictions have the most power, these first."""

    shapes: Outputs
    """The outputs for one input, of which a runtime may need the shapes."""

    def ratio(self, pairs: Iterable[tuple[Any, Any]]) -> float:
        """Noise over power of pairs of predictions, in float and in 8 bit; as :attr:`NoiseSum.ratio`."""
        total = NoiseSum(self)
        for expected, made in pairs:
            total.update(expected, made)
        return total.ratio


class NoiseSum:
    """Noise and power of predictions, summed over samples: one in which nothing is found has no power of its own.

    Args:
        noise: measures a sample.
    """

    def __init__(self, noise: PredictionNoise) -> None:
        self._measure = noise.measure
        self._noise = self._power = 0.0

    def update(self, expected: Any, made: Any) -> None:
        """Add the predictions for one sample."""
        noise, power = self._measure(expected, made)
        self._noise += noise
        self._power += power

    @property
    def ratio(self) -> float:
        """Noise over power; infinite where a prediction is not finite."""
        ratio = self._noise / max(self._power, _MIN_POWER)
        return ratio if math.isfinite(ratio) else math.inf

"""What the sensitivity analysis of a job measures: the noise of predictions, on the samples that show most."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from contextlib import closing
from heapq import nlargest
from typing import Any

import onnx

from core.common.errors import ConversionError
from core.isolation.trial import open_candidate
from core.metrics.prediction_noise import Outputs, PredictionNoise
from core.runtimes.predictor import Feeds, Predictor, all_finite
from core.tasks.base import UNFIT
from core.tasks.predictions import Prediction

_SAMPLES = 16
_TRIED_ON = 8
"""Of those, the ones on which whole candidates are tried."""

_LOOKED_AT = 50
"""Calibration inputs on which the source is run to find those samples."""


class CandidateNoise:
    """Measures how far the predictions of candidates are from the source's, on the samples that show most.

    Args:
        noise: how it is measured.
        source: the model, or its head where it is cut.
        feeds: the calibration inputs, taken one by one.
    """

    def __init__(self, noise: PredictionNoise, source: Predictor, feeds: Iterable[Feeds]) -> None:
        self._noise = noise
        numbers = set(noise.samples[:_TRIED_ON])
        self._samples = [
            (inputs, noise.predict(inputs, source.run(inputs)))
            for number, inputs in enumerate(feeds)
            if number in numbers
        ]

    def ratio(self, model: onnx.ModelProto) -> float:
        """The noise ratio of an ONNX model; infinite where it does not run."""
        try:
            with open_candidate(model) as opened, closing(opened) as predictor:
                return self._noise.ratio(
                    (expected, self._noise.predict(inputs, predictor.run(inputs))) for inputs, expected in self._samples
                )
        except ConversionError:
            return math.inf


def find_prediction_noise(
    noise: Callable[[Any, Any], tuple[float, float]],
    predict: Callable[[Feeds, Outputs], Prediction],
    source: Predictor,
    feeds: Iterable[Feeds],
    *,
    count: int,
) -> PredictionNoise | None:
    """How to measure the noise of a task's predictions.

    Args:
        noise: of the task.
        predict: decodes the outputs for an input.
        source: the model, or its head where it is cut.
        feeds: the calibration inputs, taken one by one.
        count: number of inputs, about.

    Returns:
        None where nothing is found in any of the inputs.
    """

    def predict_finite(inputs: Feeds, made: Outputs) -> Prediction | None:
        try:
            return predict(inputs, made) if all_finite(made) else None
        except UNFIT:
            return None

    interval = max(1, -(-count // _LOOKED_AT))
    powers: list[tuple[float, int]] = []
    outputs: Outputs = {}
    for number, inputs in enumerate(feeds):
        if number % interval:
            continue
        outputs = source.run(inputs)
        prediction = predict_finite(inputs, outputs)
        if prediction is None:
            continue
        powers.append((noise(prediction, prediction)[1], number))
    best = [number for power, number in nlargest(_SAMPLES, powers) if power > 0.0]

    def measure(expected: Any, made: Any) -> tuple[float, float]:
        if expected is None:
            return 0.0, 0.0  # in float, too
        return noise(expected, made) if made is not None else (math.inf, 1.0)

    return PredictionNoise(predict_finite, measure, tuple(best), outputs) if best else None

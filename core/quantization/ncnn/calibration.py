"""Calibration of an ncnn model: the range of each layer's input, and how sensitive the outputs are to each layer."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.metrics.prediction_noise import PredictionNoise
from core.ncnn.model import NcnnModel
from core.quantization.ncnn.int8 import quantize_layer
from core.quantization.ncnn.outputs import run_model
from core.quantization.ncnn.scale_search import search_scales
from core.quantization.observers.abs_max import AbsMaxMethod, AbsMaxObserver, choose_abs_max
from core.runtimes.ncnn import NcnnPredictor
from core.runtimes.predictor import Feeds

_MIN_POWER = 1e-12
"""Power that an output is taken to have at least, so that one of zeros does not divide by zero."""

_TIME_BUDGET, _LEAST_SAMPLES = 20.0, 3
"""Seconds for the sensitivity analysis, about, and samples that it takes in any case."""

_SEARCH_SAMPLES = 6
"""Samples for the scale search, at most."""


def measure_ranges(
    model: NcnnModel, layers: Sequence[int], feeds: Iterable[Feeds], *, method: AbsMaxMethod = "min-max"
) -> dict[int, float]:
    """The absolute value up to which 8 bit should cover each layer's first input, over all samples in one pass.

    Args:
        model: in 32 bit.
        layers: indices of the layers.
        feeds: the calibration samples, taken one by one.
        method: how it is chosen; ``min-max`` is the absolute maximum itself.

    Returns:
        Index of the layer -> absolute value, in the unit of the activations; infinity where a value was
        NaN or infinite, so that the rest is not mistaken for the whole range.
    """
    blobs = {index: model.param.layers[index].bottoms[0] for index in layers}
    observers = {blob: AbsMaxObserver(method) for blob in sorted(set(blobs.values()))}
    search_samples = _SpreadSamples()
    predictor = NcnnPredictor(model, {}, threads=1)
    try:
        for sample in feeds:
            if method == "eq":
                search_samples.update(sample)
            for blob, values in predictor.extract(sample, observers):
                observers[blob].update(values)
    finally:
        predictor.close()
    limits = choose_abs_max(method, observers)
    ranges = {index: limits[blob] for index, blob in blobs.items()}
    return search_scales(model, ranges, search_samples.kept) if method == "eq" else ranges


class _SpreadSamples:
    """A few samples, evenly spread over a stream of unknown length."""

    def __init__(self) -> None:
        self.kept: list[Feeds] = []
        self._interval = 1
        self._count = 0

    def update(self, sample: Feeds) -> None:
        if self._count % self._interval == 0:
            self.kept.append(sample)
        self._count += 1
        if len(self.kept) > _SEARCH_SAMPLES:
            self.kept = self.kept[::2]
            self._interval *= 2


def measure_sensitivity(
    model: NcnnModel, ranges: Mapping[int, float], samples: Sequence[Feeds], noise: PredictionNoise | None = None
) -> dict[int, float]:
    """Noise ratio of the outputs, or of the predictions, for each layer, when it alone is computed in 8 bit.

    Args:
        model: in 32 bit.
        ranges: index of a layer -> abs-max of its input; 0 for a Gemm, which needs none.
        samples: a few inputs, of which as many are used as there is time for.
        noise: how that of predictions is measured; None for that of the outputs.

    Returns:
        Index of the layer -> as :meth:`NoiseMeter.ratio`.
    """
    if not samples:
        return {}
    meter = NoiseMeter(model, _affordable(model, samples, len(ranges)), noise)
    return {index: meter.ratio(quantize_layer(model, index, abs_max)) for index, abs_max in ranges.items()}


def _affordable(model: NcnnModel, samples: Sequence[Feeds], layers: int) -> Sequence[Feeds]:
    """As many of the samples as there is time for with each layer, but a few in any case."""
    run_model(model, samples[:1], threads=0)  # the first run is slower than the others
    start = time.perf_counter()
    run_model(model, samples[:1], threads=0)
    count = int(_TIME_BUDGET / (time.perf_counter() - start) / max(1, layers))
    return samples[: max(_LEAST_SAMPLES, count)]


class NoiseMeter:
    """Measures how far models are from one in 32 bit, on a few samples.

    Args:
        model: in 32 bit.
        samples: inputs.
        noise: how that of predictions is measured; None for that of the outputs.
    """

    def __init__(self, model: NcnnModel, samples: Sequence[Feeds], noise: PredictionNoise | None) -> None:
        self._samples = samples
        self._noise = noise
        self._predictions: list[Any] = [] if noise is None else list(_predictions(model, samples, noise))
        self._outputs = _outputs(model, samples) if noise is None else []
        self._powers = [max(float(np.square(values).sum()), _MIN_POWER) for values in self._outputs]

    def ratio(self, made: NcnnModel) -> float:
        """Power of the quantisation error over power of the output (1/SQNR), averaged over all outputs and samples.

        Of predictions both powers are summed over the samples first. Infinity where a value is not finite.
        """
        if self._noise is not None:
            made_predictions = _predictions(made, self._samples, self._noise)
            return self._noise.ratio(zip(self._predictions, made_predictions, strict=True))
        ratios = [
            float(np.square(output - values).sum()) / power
            for output, values, power in zip(_outputs(made, self._samples), self._outputs, self._powers, strict=True)
        ]
        return sum(ratios) / len(ratios) if np.isfinite(ratios).all() else math.inf


def _predictions(model: NcnnModel, samples: Sequence[Feeds], noise: PredictionNoise) -> Iterator[Any]:
    predictor = NcnnPredictor(model, noise.shapes)
    try:
        for sample in samples:
            yield noise.predict(sample, predictor.run(sample))
    finally:
        predictor.close()


def _outputs(model: NcnnModel, samples: Sequence[Feeds]) -> list[NDArray[np.float64]]:
    return [values.astype(np.float64) for values in run_model(model, samples, threads=0)]

"""Measure what 8 bit needs to know: how large the inputs of layers become, and which layers make noise."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from core.ncnn.int8 import quantise_one
from core.ncnn.model import NcnnModel
from core.runtimes.ncnn import NcnnPredictor
from core.runtimes.predictor import Feeds

_QUIET = 1e-12
"""Power below which an output counts as silent, and its noise as it is."""


def measure_ranges(model: NcnnModel, layers: Sequence[int], feeds: Iterable[Feeds]) -> dict[int, float]:
    """Largest magnitude of each layer's first input over all samples (min-max calibration).

    Args:
        model: in 32 bit.
        layers: indices of the layers to watch.
        feeds: the calibration samples, taken one by one.

    Returns:
        Index of the layer -> largest magnitude, in the unit of the activations; infinity where a value was
        not a number or overflowed, so that nobody takes the rest for the whole range.
    """
    blobs = {index: model.param.layers[index].bottoms[0] for index in layers}
    largest = dict.fromkeys(layers, 0.0)
    predictor = NcnnPredictor(model, {}, threads=1)
    try:
        for sample in feeds:
            magnitudes = predictor.magnitudes(sample, sorted(set(blobs.values())))
            for index, blob in blobs.items():
                magnitude = magnitudes[blob]
                largest[index] = max(largest[index], math.inf if math.isnan(magnitude) else magnitude)
    finally:
        predictor.close()
    return largest


def measure_noise(model: NcnnModel, ranges: Mapping[int, float], samples: Sequence[Feeds]) -> dict[int, float]:
    """What each layer does to the outputs, when it alone is computed in 8 bit.

    Args:
        model: in 32 bit.
        ranges: index of a layer -> greatest magnitude of its input; 0 for a Gemm, which needs none.
        samples: a few inputs.

    Returns:
        Index of the layer -> power of the noise as a share of the power of the output, over all outputs and
        samples; infinity where something is not a number.
    """
    if not samples:
        return {}
    expected = _answers(model, samples)
    power = [max(float(np.square(values).sum()), _QUIET) for values in expected]
    noise = {}
    for index, largest in ranges.items():
        answers = _answers(quantise_one(model, index, largest), samples)
        shares = [
            float(np.square(answer - values).sum()) / whole
            for answer, values, whole in zip(answers, expected, power, strict=True)
        ]
        noise[index] = sum(shares) / len(shares) if np.isfinite(shares).all() else math.inf
    return noise


def _answers(model: NcnnModel, samples: Sequence[Feeds]) -> list[NDArray[np.float64]]:
    """All outputs for all samples, one after the other."""
    predictor = NcnnPredictor(model, {}, threads=1)
    try:
        outputs = tuple(model.outputs.values())
        return [values.astype(np.float64) for sample in samples for _, values in predictor.watch(sample, outputs)]
    finally:
        predictor.close()

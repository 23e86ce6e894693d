"""Measure how large the inputs of a model's layers become, picture by picture, in constant memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from core.ncnn.model import NcnnModel
from core.runtimes.ncnn import NcnnPredictor
from core.runtimes.predictor import Feeds


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

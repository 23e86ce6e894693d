"""Measure how large the inputs of a model's layers become, picture by picture, in constant memory."""

from __future__ import annotations

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
        Index of the layer -> largest magnitude, in the unit of the activations.
    """
    blobs = {index: model.param.layers[index].bottoms[0] for index in layers}
    largest = dict.fromkeys(layers, 0.0)
    predictor = NcnnPredictor(model, {}, threads=1)
    try:
        for sample in feeds:
            magnitudes = predictor.magnitudes(sample, sorted(set(blobs.values())))
            for index, blob in blobs.items():
                largest[index] = max(largest[index], magnitudes[blob])
    finally:
        predictor.close()
    return largest

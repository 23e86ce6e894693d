"""Measure what 8 bit needs to know: how large the inputs of layers become, and which layers make noise."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from core.ncnn.model import NcnnModel
from core.quantization.ncnn.int8 import quantize_layer
from core.quantization.ncnn.scale_search import search_scales
from core.quantization.observers.abs_max import AbsMaxMethod, AbsMaxObserver, choose_abs_max
from core.runtimes.ncnn import NcnnPredictor
from core.runtimes.predictor import Feeds

_QUIET = 1e-12
"""Power below which an output counts as silent, and its noise as it is."""


_TRIED = 6
"""Samples at most on which ranges are tried."""


def measure_ranges(
    model: NcnnModel, layers: Sequence[int], feeds: Iterable[Feeds], *, method: AbsMaxMethod = "min-max"
) -> dict[int, float]:
    """The magnitude up to which 8 bit should cover each layer's first input, over all samples in one pass.

    Args:
        model: in 32 bit.
        layers: indices of the layers to watch.
        feeds: the calibration samples, taken one by one.
        method: how it is chosen; ``min-max`` is the largest magnitude itself.

    Returns:
        Index of the layer -> magnitude, in the unit of the activations; infinity where a value was
        not a number or overflowed, so that nobody takes the rest for the whole range.
    """
    blobs = {index: model.param.layers[index].bottoms[0] for index in layers}
    seen = {blob: AbsMaxObserver(method) for blob in sorted(set(blobs.values()))}
    few = _Few()
    predictor = NcnnPredictor(model, {}, threads=1)
    try:
        for sample in feeds:
            if method == "eq":
                few.add(sample)
            for blob, values in predictor.extract(sample, seen):
                seen[blob].add(values)
    finally:
        predictor.close()
    limits = choose_abs_max(method, seen)
    ranges = {index: limits[blob] for index, blob in blobs.items()}
    return search_scales(model, ranges, few.kept) if method == "eq" else ranges


class _Few:
    """A few samples from all over a stream whose length nobody knows."""

    def __init__(self) -> None:
        self.kept: list[Feeds] = []
        self._every = 1
        self._seen = 0

    def add(self, sample: Feeds) -> None:
        if self._seen % self._every == 0:
            self.kept.append(sample)
        self._seen += 1
        if len(self.kept) > _TRIED:
            self.kept = self.kept[::2]
            self._every *= 2


def measure_sensitivity(model: NcnnModel, ranges: Mapping[int, float], samples: Sequence[Feeds]) -> dict[int, float]:
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
        answers = _answers(quantize_layer(model, index, largest), samples)
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
        return [values.astype(np.float64) for sample in samples for _, values in predictor.extract(sample, outputs)]
    finally:
        predictor.close()

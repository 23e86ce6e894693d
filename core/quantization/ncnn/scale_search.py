"""Choose input ranges by trying them: the 8-bit layer alone, against what it answers in 32 bit.

The idea is the "EQ" of ncnn's ``ncnn2table`` (a4d2ea1, ``quantize_EQ``), which tries scales for weights too, takes
wrong indices and crashes; after Wu et al., "EasyQuant", 2020. Here the input's scale is searched, which is most of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from core.ncnn.model import NcnnModel
from core.ncnn.param import MAGIC, Layer, Param
from core.ncnn.weights import raw
from core.quantization.ncnn.int8 import quantize_layer
from core.runtimes.ncnn import NcnnPredictor
from core.runtimes.predictor import Feeds

_FACTORS = np.linspace(0.5, 2.0, 30, endpoint=False)
"""Of the scale that the search starts from."""

_TOGETHER = 4
"""Layers whose inputs are held in memory at once: each group costs a run of the whole model."""

_LAYER = 1
"""Place of the layer in a model made of it alone."""

Floats = NDArray[np.float32]


def search_scales(model: NcnnModel, ranges: Mapping[int, float], samples: Sequence[Feeds]) -> dict[int, float]:
    """Better ranges for the inputs of layers, one layer at a time.

    Args:
        model: in 32 bit.
        ranges: index of a layer -> greatest magnitude of its input, to start from.
        samples: a few inputs of the model.

    Returns:
        Index of a layer -> its range; as it was where nothing better was found, and where it is 0 or infinite.
    """
    found = dict(ranges)
    left = iter([index for index, largest in ranges.items() if 0.0 < largest < math.inf])
    predictor = NcnnPredictor(model, {}, threads=1)
    try:
        while samples and (group := tuple(islice(left, _TOGETHER))):
            for index, inputs in _inputs(predictor, model, group, samples).items():
                found[index] = _search(single_layer_model(model, index), inputs, found[index])
    finally:
        predictor.close()
    return found


def layer_similarity(layer: NcnnModel, inputs: Sequence[Floats], largest: float) -> float:
    """How well a layer's 8-bit answers point the way of its 32-bit ones.

    Args:
        layer: a model of this one layer, in 32 bit, as :func:`alone` makes it.
        inputs: of the layer, without a batch axis.
        largest: greatest magnitude of the input in 8 bit.

    Returns:
        Sum of the cosines over all inputs.
    """
    return _agreement(_answers(layer, inputs), _answers(quantize_layer(layer, _LAYER, largest), inputs))


def single_layer_model(model: NcnnModel, index: int) -> NcnnModel:
    """A model of one layer only; its input and output are called ``x`` and ``y``."""
    layer = model.param.layers[index]
    bottom, top = layer.bottoms[0], layer.tops[0]
    entrance = Layer("Input", "entrance", (), (bottom,), text=f"Input entrance 0 1 {bottom}")
    # ncnn takes a text whose last line has no end for cut short.
    param = Param((entrance, replace(layer, text=f"{layer.text.rstrip()}\n")), (MAGIC, "2 2"))
    return NcnnModel(param, ((), model.weights[index]), {"x": bottom}, {"y": top})


def _search(layer: NcnnModel, inputs: Sequence[Floats], largest: float) -> float:
    expected = _answers(layer, inputs)
    start = quantize_layer(layer, _LAYER, largest)
    best, kept = _agreement(expected, _answers(start, inputs)), largest
    for factor in _FACTORS:
        agreement = _agreement(expected, _answers(_scaled(start, float(factor)), inputs))
        if agreement > best:
            best, kept = agreement, largest / float(factor)
    return kept


def _scaled(layer: NcnnModel, factor: float) -> NcnnModel:
    """The 8-bit layer with another input scale, which is its last array."""
    *others, scale = layer.weights[_LAYER]
    changed = raw(scale.slot.role, scale.values * np.float32(factor))
    return replace(layer, weights=((), (*others, changed)))


def _inputs(
    predictor: NcnnPredictor, model: NcnnModel, layers: Sequence[int], samples: Sequence[Feeds]
) -> dict[int, list[Floats]]:
    """What these layers are given in each sample."""
    blobs = {index: model.param.layers[index].bottoms[0] for index in layers}
    found: dict[int, list[Floats]] = {index: [] for index in layers}
    for sample in samples:
        seen = {blob: values.copy() for blob, values in predictor.extract(sample, sorted(set(blobs.values())))}
        for index, blob in blobs.items():
            found[index].append(seen[blob])
    return found


def _answers(layer: NcnnModel, inputs: Sequence[Floats]) -> list[Floats]:
    predictor = NcnnPredictor(layer, {}, threads=1)
    try:
        outputs = tuple(layer.outputs.values())
        feeds = ({"x": values[np.newaxis]} for values in inputs)
        return [values.flatten() for feed in feeds for _, values in predictor.extract(feed, outputs)]
    finally:
        predictor.close()


def _agreement(expected: Sequence[Floats], answers: Sequence[Floats]) -> float:
    """Sum of the cosines; minus infinity where something is not a number."""
    total = 0.0
    for one, other in zip(expected, answers, strict=True):
        length = float(np.linalg.norm(one)) * float(np.linalg.norm(other))
        total += float(one @ other) / length if length > 0.0 else 0.0
    return total if math.isfinite(total) else -math.inf

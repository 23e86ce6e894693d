"""Choose input scales by trials: each layer by itself, in 8 bit against 32 bit.

The idea is the "EQ" of ncnn's ``ncnn2table`` (a4d2ea1, ``quantize_EQ``), which searches the weights' scales too, uses
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
from core.quantization.ncnn.outputs import run_model
from core.runtimes.ncnn import NcnnPredictor
from core.runtimes.predictor import Feeds

_FACTORS = np.linspace(0.5, 2.0, 30, endpoint=False)
"""Candidate scales, as multiples of the one that the search starts from."""

_GROUP = 4
"""Layers whose inputs are held in memory at once: each group costs a run of the whole model."""

_LAYER = 1
"""Index of the layer in a model made of it alone."""

Floats = NDArray[np.float32]


def search_scales(model: NcnnModel, ranges: Mapping[int, float], samples: Sequence[Feeds]) -> dict[int, float]:
    """Better ranges for the inputs of layers, one layer at a time.

    Args:
        model: in 32 bit.
        ranges: index of a layer -> abs-max of its input, to start from.
        samples: a few inputs of the model.

    Returns:
        Index of a layer -> its range; unchanged where nothing better was found, and where it is 0 or infinite.
    """
    found = dict(ranges)
    remaining = iter([index for index, abs_max in ranges.items() if 0.0 < abs_max < math.inf])
    predictor = NcnnPredictor(model, {}, threads=1)
    try:
        while samples and (group := tuple(islice(remaining, _GROUP))):
            for index, inputs in _layer_inputs(predictor, model, group, samples).items():
                found[index] = _search(single_layer_model(model, index), inputs, found[index])
    finally:
        predictor.close()
    return found


def layer_similarity(layer: NcnnModel, inputs: Sequence[Floats], abs_max: float) -> float:
    """Cosine similarity of a layer's outputs in 8 bit and in 32 bit.

    Args:
        layer: a model of this one layer, in 32 bit, as :func:`single_layer_model` makes it.
        inputs: of the layer, without a batch axis.
        abs_max: of the input in 8 bit.

    Returns:
        Sum of the cosines over all inputs.
    """
    return _similarity(_outputs(layer, inputs), _outputs(quantize_layer(layer, _LAYER, abs_max), inputs))


def single_layer_model(model: NcnnModel, index: int) -> NcnnModel:
    """A model of one layer only; its input and output are called ``x`` and ``y``."""
    layer = model.param.layers[index]
    bottom, top = layer.bottoms[0], layer.tops[0]
    entrance = Layer("Input", "entrance", (), (bottom,), text=f"Input entrance 0 1 {bottom}")
    # ncnn takes a file whose last line has no line break to be truncated.
    param = Param((entrance, replace(layer, text=f"{layer.text.rstrip()}\n")), (MAGIC, "2 2"))
    return NcnnModel(param, ((), model.weights[index]), {"x": bottom}, {"y": top})


def _search(layer: NcnnModel, inputs: Sequence[Floats], abs_max: float) -> float:
    expected = _outputs(layer, inputs)
    start = quantize_layer(layer, _LAYER, abs_max)
    best, best_abs_max = _similarity(expected, _outputs(start, inputs)), abs_max
    for factor in _FACTORS:
        similarity = _similarity(expected, _outputs(_with_scaled_input(start, float(factor)), inputs))
        if similarity > best:
            best, best_abs_max = similarity, abs_max / float(factor)
    return best_abs_max


def _with_scaled_input(layer: NcnnModel, factor: float) -> NcnnModel:
    """The 8-bit layer with another input scale, which is its last array."""
    *others, scale = layer.weights[_LAYER]
    changed = raw(scale.slot.role, scale.values * np.float32(factor))
    return replace(layer, weights=((), (*others, changed)))


def _layer_inputs(
    predictor: NcnnPredictor, model: NcnnModel, layers: Sequence[int], samples: Sequence[Feeds]
) -> dict[int, list[Floats]]:
    """Index of a layer -> its input in each sample."""
    blobs = {index: model.param.layers[index].bottoms[0] for index in layers}
    inputs: dict[int, list[Floats]] = {index: [] for index in layers}
    for sample in samples:
        observed = {blob: values.copy() for blob, values in predictor.extract(sample, sorted(set(blobs.values())))}
        for index, blob in blobs.items():
            inputs[index].append(observed[blob])
    return inputs


def _outputs(layer: NcnnModel, inputs: Sequence[Floats]) -> list[Floats]:
    return [values.ravel() for values in run_model(layer, ({"x": values[np.newaxis]} for values in inputs))]


def _similarity(expected: Sequence[Floats], outputs: Sequence[Floats]) -> float:
    """Sum of the cosines; minus infinity where an output is not finite."""
    total = 0.0
    for one, other in zip(expected, outputs, strict=True):
        length = float(np.linalg.norm(one)) * float(np.linalg.norm(other))
        total += float(one @ other) / length if length > 0.0 else 0.0
    return total if math.isfinite(total) else -math.inf

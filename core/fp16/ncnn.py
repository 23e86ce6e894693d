"""Weights in 16 bit: half the file, and nothing else about the model changes."""

from __future__ import annotations

import numpy as np

from core.common.text import Text, say
from core.ncnn.model import NcnnModel
from core.ncnn.param import Layer
from core.ncnn.weights import TAG_FLOAT32, Array, stored

_SPARED = 0.005
"""Share of the weights that stays in 32 bit: the file grows by half a hundredth."""


def to_fp16(model: NcnnModel) -> NcnnModel:
    """Store the tagged float32 arrays in 16 bit, rounding to nearest even; ncnn reads either.

    The smallest ones stay in 32 bit: they belong to the first and the depthwise layers, where a rounding
    is not averaged out. On ppocrv4_rec this raised the worst picture's cosine from 0.978 to 0.9999.

    Raw arrays (biases, norms, constants) have no tag and must stay in 32 bit. An array with a value
    beyond 65504 stays in 32 bit too, since 16 bit would make it infinite.
    """
    spared = _smallest(model)

    def edit(index: int, layer: Layer, arrays: tuple[Array, ...]) -> tuple[Layer, tuple[Array, ...]]:
        return layer, tuple(
            array if (index, place) in spared else array_to_fp16(array) for place, array in enumerate(arrays)
        )

    return model.edited(edit)


def _smallest(model: NcnnModel) -> frozenset[tuple[int, int]]:
    """Layer and place of the smallest tagged arrays, as many as the share of all weights allows."""
    sizes = {
        (index, place): array.values.size
        for index, arrays in enumerate(model.weights)
        for place, array in enumerate(arrays)
        if array.tag == TAG_FLOAT32
    }
    spare, spared = _SPARED * sum(sizes.values()), set()
    for key in sorted(sizes, key=sizes.__getitem__):
        spare -= sizes[key]
        if spare < 0:
            break
        spared.add(key)
    return frozenset(spared)


def notes_on_fp32_layers(model: NcnnModel) -> tuple[Text, ...]:
    """What a person should know about a model that :func:`half` went over: which weights stayed in 32 bit.

    Args:
        model: in 16 or 8 bit.
    """
    names = [
        layer.name
        for layer, arrays in zip(model.param.layers, model.weights, strict=True)
        if any(array.values.size and array_to_fp16(array).tag == TAG_FLOAT32 for array in arrays)
    ]
    if not names:
        return ()
    return (
        say(
            "These layers keep 32 bit weights, because their values are too large for 16 bit: {names}.",
            names=", ".join(names),
        ),
    )


def array_to_fp16(array: Array) -> Array:
    """One array in 16 bit, where the format and its values allow it."""
    if array.tag != TAG_FLOAT32:
        return array
    with np.errstate(over="ignore"):
        values = array.values.astype(np.float16)
    return stored(array.slot, values) if np.isfinite(values).all() else array

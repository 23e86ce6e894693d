"""Weights in 16 bit: half the file, and nothing else about the model changes."""

from __future__ import annotations

import numpy as np

from core.ncnn.model import NcnnModel
from core.ncnn.param import Layer
from core.ncnn.weights import TAG_FLOAT32, Array, stored
from core.text import Text, say


def to_half(model: NcnnModel) -> NcnnModel:
    """Store every tagged float32 array in 16 bit, rounding to nearest even; ncnn reads either.

    Raw arrays (biases, norms, constants) have no tag and must stay in 32 bit. An array with a value
    beyond 65504 stays in 32 bit too, since 16 bit would make it infinite.
    """
    return model.edited(_halve)


def notes_on_half(model: NcnnModel) -> tuple[Text, ...]:
    """What a person should know about a model that :func:`half` went over: which weights stayed in 32 bit.

    Args:
        model: in 16 or 8 bit.
    """
    names = [
        layer.name
        for layer, arrays in zip(model.param.layers, model.weights, strict=True)
        if any(array.tag == TAG_FLOAT32 and array.values.size for array in arrays)
    ]
    if not names:
        return ()
    return (
        say(
            "These layers keep 32 bit weights, because their values are too large for 16 bit: {names}.",
            names=", ".join(names),
        ),
    )


def _halve(_: int, layer: Layer, arrays: tuple[Array, ...]) -> tuple[Layer, tuple[Array, ...]]:
    return layer, tuple(half(array) for array in arrays)


def half(array: Array) -> Array:
    """One array in 16 bit, where the format and its values allow it."""
    if array.tag != TAG_FLOAT32:
        return array
    with np.errstate(over="ignore"):
        values = array.values.astype(np.float16)
    return stored(array.slot, values) if np.isfinite(values).all() else array

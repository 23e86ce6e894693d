"""Weights in 16 bit: half the file, and nothing else about the model changes."""

from __future__ import annotations

import numpy as np

from core.ncnn.model import NcnnModel
from core.ncnn.param import Layer
from core.ncnn.weights import TAG_FLOAT32, Array, stored


def to_half(model: NcnnModel) -> NcnnModel:
    """Store every tagged float32 array in 16 bit, rounding to nearest even; ncnn reads either.

    Raw arrays (biases, norms, constants) have no tag and must stay in 32 bit. An array with a value
    beyond 65504 stays in 32 bit too, since 16 bit would make it infinite.
    """
    return model.edited(_halve)


def _halve(_: int, layer: Layer, arrays: tuple[Array, ...]) -> tuple[Layer, tuple[Array, ...]]:
    return layer, tuple(half(array) for array in arrays)


def half(array: Array) -> Array:
    """One array in 16 bit, where the format and its values allow it."""
    if array.tag != TAG_FLOAT32:
        return array
    with np.errstate(over="ignore"):
        values = array.values.astype(np.float16)
    return stored(array.slot, values) if np.isfinite(values).all() else array

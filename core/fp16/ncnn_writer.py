"""ncnn weights stored in fp16: half the size, and nothing else about the model changes."""

from __future__ import annotations

import numpy as np

from core.common.text import Text, say
from core.ncnn.model import NcnnModel
from core.ncnn.param import Layer
from core.ncnn.weights import TAG_FLOAT32, Array, stored

_FLOAT_SHARE = 0.005
"""Share of the weights that stays in 32 bit: the file grows by 0.5%."""


def to_fp16(model: NcnnModel) -> NcnnModel:
    """Store the tagged float32 arrays in fp16, rounded to nearest even; ncnn reads either.

    The smallest ones stay in 32 bit: they belong to the first and the depthwise layers, where rounding errors
    do not average out. On ppocrv4_rec this raised the worst image's cosine from 0.978 to 0.9999.

    Raw arrays (biases, norms, constants) have no tag and must stay in 32 bit. An array with a value
    beyond 65504 stays in 32 bit too, since fp16 would make it infinite.
    """
    in_float = _smallest_arrays(model)

    def edit(index: int, layer: Layer, arrays: tuple[Array, ...]) -> tuple[Layer, tuple[Array, ...]]:
        return layer, tuple(
            array if (index, number) in in_float else array_to_fp16(array) for number, array in enumerate(arrays)
        )

    return model.edited(edit)


def _smallest_arrays(model: NcnnModel) -> frozenset[tuple[int, int]]:
    """(Index of the layer, number of the array) of the smallest tagged arrays, within the share of all weights."""
    sizes = {
        (index, number): array.values.size
        for index, arrays in enumerate(model.weights)
        for number, array in enumerate(arrays)
        if array.tag == TAG_FLOAT32
    }
    budget, chosen = _FLOAT_SHARE * sum(sizes.values()), set()
    for key in sorted(sizes, key=sizes.__getitem__):
        budget -= sizes[key]
        if budget < 0:
            break
        chosen.add(key)
    return frozenset(chosen)


def notes_on_fp32_layers(model: NcnnModel) -> tuple[Text, ...]:
    """A note that names the layers whose weights stayed in 32 bit because fp16 cannot hold them.

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
    """One array in fp16, where the format and its values allow it."""
    if array.tag != TAG_FLOAT32:
        return array
    with np.errstate(over="ignore"):
        values = array.values.astype(np.float16)
    return stored(array.slot, values) if np.isfinite(values).all() else array

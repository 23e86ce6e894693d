"""Choose which layers of an 8-bit ncnn model stay in float, because that pays."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from core.fp16.ncnn import array_to_fp16
from core.ncnn.model import NcnnModel
from core.ncnn.param import Layer
from core.ncnn.weights import Array
from core.quantization.ncnn.int8 import scale_rows

SIZE_BUDGET = 0.30
"""Share of the 32-bit files, .param and .bin together, that the 8-bit files may have."""

_SCALE = 4
"""Bytes of a scale."""

_AUDIBLE = 1e-6
"""Noise of a layer, as a share of the output's power, below which it is not worth its bytes and its time."""


def by_rule(model: NcnnModel, layers: Sequence[int]) -> frozenset[int]:
    """The first layer and the depthwise convolutions, smallest first, as far as the size budget goes.

    They hold few weights and lose much: the first layer sees the raw picture, and a depthwise channel has
    no neighbours that would average its error out. ncnn also computes depthwise convolutions faster in
    float than in 8 bit. On efficientnet_lite0 this won 3.7 dB and 40% of the time.

    Args:
        model: in 32 bit.
        layers: indices of the layers that could be quantised.
    """
    sizes = {index: model.weights[index][0].values.size for index in layers}
    depthwise = [index for index in layers if model.param.layers[index].type == "ConvolutionDepthWise"]
    wanted = dict.fromkeys([min(layers), *sorted(depthwise, key=sizes.__getitem__)])
    return _affordable(model, layers, kept=(), wanted=wanted)


def by_noise(
    model: NcnnModel, layers: Sequence[int], *, kept: Collection[int], noise: Mapping[int, float]
) -> frozenset[int]:
    """What is kept already, and with the rest of the size budget those that add the most noise for their size.

    On efficientnet_lite0 this won 7 dB, and halved the answers that change four times over.

    Args:
        model: in 32 bit.
        layers: indices of the layers that could be quantised.
        kept: those that stay in float in any case.
        noise: index of a layer -> what quantising it alone does to the outputs.
    """
    sizes = {index: model.weights[index][0].values.size for index in noise}
    heard = [index for index in noise if noise[index] > _AUDIBLE]
    wanted = sorted(heard, key=lambda index: noise[index] / sizes[index], reverse=True)
    return frozenset(kept) | _affordable(model, layers, kept=kept, wanted=wanted)


def _affordable(
    model: NcnnModel, layers: Iterable[int], *, kept: Collection[int], wanted: Iterable[int]
) -> frozenset[int]:
    """Those of the wanted layers that fit into the size budget, in their order."""
    extra = {index: _extra_bytes(model.param.layers[index], model.weights[index]) for index in layers}
    halves = sum(len(array_to_fp16(array).write()) for arrays in model.weights for array in arrays)
    whole = sum(len(array.write()) for arrays in model.weights for array in arrays)
    graph = len(model.param.write().encode())  # the .param grows by next to nothing, and counts on both sides
    spare = SIZE_BUDGET * (whole + graph) - graph - (halves - sum(extra.values())) - sum(extra[index] for index in kept)
    chosen = set()
    for index in wanted:
        if extra[index] <= spare:
            chosen.add(index)
            spare -= extra[index]
    return frozenset(chosen)


def _extra_bytes(layer: Layer, arrays: tuple[Array, ...]) -> int:
    """How much larger a layer is in 16 bit than in 8 bit with its scales."""
    numbers = arrays[0].values.size
    scales = scale_rows(layer) + (0 if layer.type == "Gemm" else 1)
    return 2 * numbers + -2 * numbers % 4 - (numbers + -numbers % 4) - _SCALE * scales

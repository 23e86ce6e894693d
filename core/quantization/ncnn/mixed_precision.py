"""Mixed precision: which layers of an 8-bit ncnn model stay in 16 bit, within a size budget."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from core.fp16.ncnn_writer import array_to_fp16
from core.job.allowed_change import AllowedChange
from core.ncnn.model import NcnnModel
from core.ncnn.param import Layer
from core.ncnn.weights import Array
from core.quantization.ncnn.int8 import scale_rows

SIZE_BUDGETS: Mapping[AllowedChange, tuple[float, ...]] = {
    "nothing": (0.30, 0.34, 0.39),
    "hardly": (0.30, 0.34, 0.39),
    "little": (0.30,),
    "smallest": (0.27,),
}
"""Size of the 8-bit files, .param and .bin together, as a share of the 32-bit ones; the next one where the noise is too
large."""

CLOSER_BUDGET = 0.44
"""Likewise of the file that is closer to the original than the last of those; in 16 bit it would be 0.5."""

_SCALE_BYTES = 4

_NEGLIGIBLE_NOISE_RATIO = 1e-6
"""Noise ratio up to which a layer becomes 8 bit even where the budget would allow 16."""


def by_rule(model: NcnnModel, layers: Sequence[int], budget: float) -> frozenset[int]:
    """The first layer and the depthwise convolutions, smallest first, within the size budget.

    They have few weights and lose much accuracy: the first layer reads the image itself, and a depthwise channel sums
    over too few inputs for rounding errors to average out. ncnn also computes depthwise convolutions faster in
    float than in 8 bit. On efficientnet_lite0 this won 3.7 dB and 40% of the time.

    Args:
        model: in 32 bit.
        layers: indices of the layers that can be quantised.
        budget: share of the 32-bit size.
    """
    sizes = {index: model.weights[index][0].values.size for index in layers}
    depthwise = [index for index in layers if model.param.layers[index].type == "ConvolutionDepthWise"]
    wanted = dict.fromkeys([min(layers), *sorted(depthwise, key=sizes.__getitem__)])
    return _within_budget(model, layers, kept=(), wanted=wanted, budget=budget)


def by_sensitivity(
    model: NcnnModel, layers: Sequence[int], *, kept: Collection[int], sensitivity: Mapping[int, float], budget: float
) -> frozenset[int]:
    """The layers kept already, and with the rest of the budget those with the most noise for their size.

    On efficientnet_lite0 this won 7 dB, and four times fewer predictions changed.

    Args:
        model: in 32 bit.
        layers: indices of the layers that can be quantised.
        kept: those that stay in float in any case.
        sensitivity: index of a layer -> noise ratio of the outputs with it alone in 8 bit.
        budget: share of the 32-bit size.
    """
    sizes = {index: model.weights[index][0].values.size for index in sensitivity}
    sensitive = [index for index in sensitivity if sensitivity[index] > _NEGLIGIBLE_NOISE_RATIO]
    wanted = sorted(sensitive, key=lambda index: sensitivity[index] / sizes[index], reverse=True)
    return frozenset(kept) | _within_budget(model, layers, kept=kept, wanted=wanted, budget=budget)


def _within_budget(
    model: NcnnModel, layers: Iterable[int], *, kept: Collection[int], wanted: Iterable[int], budget: float
) -> frozenset[int]:
    """Those of the wanted layers that fit into the size budget, in their order."""
    extra = {index: _extra_bytes(model.param.layers[index], model.weights[index]) for index in layers}
    in_fp16 = sum(len(array_to_fp16(array).write()) for arrays in model.weights for array in arrays)
    in_fp32 = sum(len(array.write()) for arrays in model.weights for array in arrays)
    graph = len(model.param.write().encode())  # the .param hardly grows, and counts on both sides
    in_int8 = in_fp16 - sum(extra.values())
    left = budget * (in_fp32 + graph) - graph - in_int8 - sum(extra[index] for index in kept)
    chosen = set()
    for index in wanted:
        if extra[index] <= left:
            chosen.add(index)
            left -= extra[index]
    return frozenset(chosen)


def _extra_bytes(layer: Layer, arrays: tuple[Array, ...]) -> int:
    """How much larger a layer is in 16 bit than in 8 bit with its scales, both padded to 4 bytes."""
    count = arrays[0].values.size
    scales = scale_rows(layer) + (0 if layer.type == "Gemm" else 1)
    return 2 * count + -2 * count % 4 - (count + -count % 4) - _SCALE_BYTES * scales

"""Layers that ncnn computes within the layer before: activations, and biases that follow a matrix product."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from core.onnx2ncnn.draft import Draft

_WEIGHTED = frozenset(
    {"Convolution", "ConvolutionDepthWise", "Deconvolution", "DeconvolutionDepthWise", "InnerProduct"}
)
_ACTIVATION, _ACTIVATION_PARAMS = 9, 10
"""Ids of the parameters of these layers."""


def fuse(drafts: Sequence[Draft], kept: Collection[str]) -> list[Draft]:
    """Merge layers into the ones before, where nothing else reads what lies between.

    Args:
        drafts: in topological order; they are not changed.
        kept: blobs that must stay, as the outputs.
    """
    readers = Counter(bottom for draft in drafts for bottom in draft.bottoms)
    makers = {top: index for index, draft in enumerate(drafts) for top in draft.tops}
    result: list[Draft | None] = list(drafts)
    for index, draft in enumerate(drafts):
        for bottom in draft.bottoms:
            place = makers[bottom]
            before = result[place]
            if before is None or readers[bottom] > 1 or bottom in kept or before.type not in _WEIGHTED:
                continue
            others = [_constant(other, result, makers) for other in draft.bottoms if other != bottom]
            merged = _merged(before, draft, others)
            if merged is not None:
                # It stands where the second layer stood, behind everything that either of them reads.
                result[place], result[index] = None, merged
                makers[draft.tops[0]] = index
                break
    return [draft for draft in result if draft is not None]


def _constant(blob: str, drafts: Sequence[Draft | None], makers: Mapping[str, int]) -> Draft | None:
    """The MemoryData that a blob comes from, in whatever shape."""
    maker = drafts[makers[blob]]
    while maker is not None and maker.type == "Reshape":
        maker = drafts[makers[maker.bottoms[0]]]
    return maker if maker is not None and maker.type == "MemoryData" else None


def _merged(before: Draft, draft: Draft, others: Sequence[Draft | None]) -> Draft | None:
    if before.params.get(_ACTIVATION):
        return None
    activation = _activation(draft)
    if activation is not None:
        kind, values = activation
        params = {**before.params, _ACTIVATION: kind, **({_ACTIVATION_PARAMS: values} if values else {})}
        return replace(before, tops=draft.tops, params=params)
    return _with_bias(before, draft, others)


def _activation(draft: Draft) -> tuple[int, list[float]] | None:
    """Ncnn's number of an activation, and its parameters."""
    first, second = (draft.params.get(key) for key in (0, 1))
    match draft.type:
        case "ReLU":
            return (2, [float(first)]) if isinstance(first, float) and first else (1, [])
        case "Clip" if isinstance(first, float) and isinstance(second, float):
            return 3, [first, second]
        case "Sigmoid":
            return 4, []
        case "Mish":
            return 5, []
        case "HardSwish" if isinstance(first, float) and isinstance(second, float):
            return 6, [first, second]
    return None


def _with_bias(before: Draft, draft: Draft, others: Sequence[Draft | None]) -> Draft | None:
    """A product and the constant row that is added to it."""
    is_sum = draft.type == "BinaryOp" and not draft.params.get(0) and not draft.params.get(1)
    if before.type != "InnerProduct" or before.params.get(1) or not is_sum:
        return None
    (other,) = others if len(others) == 1 else (None,)
    outputs = before.params[0]
    if other is None or other.weights[0].shape != (outputs,):
        return None
    return replace(before, tops=draft.tops, params={**before.params, 1: 1}, weights=[*before.weights, other.weights[0]])

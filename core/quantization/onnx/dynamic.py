"""Dynamic quantisation to 8 bit: matrix products with ranges found at run time, convolutions weight-only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import onnx

from core.common.progress import Progress
from core.common.text import say
from core.isolation.trial import measure_similarity
from core.job.allowed_change import DEFAULT_CHANGE, AllowedChange
from core.job.comparison import OutputDifference
from core.metrics.reference_check import ReferenceSamples
from core.onnx_model.serialize import byte_size
from core.quantization.onnx.matrix_products import quantize_matrix_products
from core.quantization.onnx.weight_only import FLOAT_SHARE, OUTPUT_AXES, store_weights_as_int8

_DYNAMIC_OPERATORS = ("MatMul", "Gemm", "LSTM", "Attention", "Gather", "EmbedLayerNormalization")
"""What onnxruntime runs well with ranges found at run time. Convolutions are not among them: they
become ConvInteger, which runs many times slower than float and costs several percent of the accuracy."""

_QUANTIZED_OPERATORS = frozenset(
    {"MatMulInteger", "DynamicQuantizeMatMul", "DynamicQuantizeLSTM", "QAttention", "QGemm"}
)
"""What the dynamically quantised nodes become."""

_ALL_AXES: Mapping[str, int] = {**OUTPUT_AXES, "MatMul": -1, "Gemm": 1, "LSTM": 1, "GRU": 1, "RNN": 1}
"""Operator -> axis of the output channels, where everything with weights is stored in 8 bit."""


@dataclass(frozen=True)
class _Scheme:
    """One division of a model into dynamic, weight-only and float."""

    dynamic: Sequence[str]
    """Operators that are quantised dynamically."""

    weight_only: Mapping[str, int]
    """Of the rest, operator -> axis of the output channels of the weights that are stored in 8 bit."""

    float_share: float
    """Share of all weights that are stored in 16 bit: the smallest tensors."""


_SCHEMES = (
    _Scheme(_DYNAMIC_OPERATORS, _ALL_AXES, FLOAT_SHARE),
    _Scheme((), _ALL_AXES, FLOAT_SHARE),
    *(_Scheme((), _ALL_AXES, share) for share in (0.05, 0.1, 0.2, 0.35)),
    _Scheme((), OUTPUT_AXES, 0.1),
    _Scheme((), OUTPUT_AXES, 0.3),
)
"""From the smallest and fastest to the most accurate; tried in this order."""

_SUFFICIENT_COSINES: Mapping[AllowedChange, float] = {
    "nothing": 0.9992,
    "hardly": 0.99875,
    "little": 0.997,
    "smallest": 0.99,
}
"""Cosine similarity from which no further scheme is tried: of noise at 28, 26 and 22 dB, and at 17."""

_SUFFICIENT_NOISE: Mapping[AllowedChange, float] = {
    "nothing": 0.0005,
    "hardly": 0.001,
    "little": 0.004,
    "smallest": 0.02,
}
"""Likewise the noise ratio of the predictions, where that counts instead."""


@dataclass(frozen=True)
class DynamicModel:
    """The result of one scheme."""

    model: onnx.ModelProto
    weight_only: int
    """Weight tensors that are stored in 8 bit and computed in float."""

    is_dynamic: bool
    """Whether other nodes were quantised dynamically."""

    closeness: float
    """Cosine similarity of the worst output over the reference samples, or 1 minus the noise ratio of the predictions;
    1 where that is sufficient, -1 where an output is lost."""

    smaller: DynamicModel | None = None
    """The smallest of those that were not accurate enough."""

    closer: DynamicModel | None = None
    """By the next scheme, closer to the original than was asked for."""


def quantize_dynamic(
    fresh_model: Callable[[], onnx.ModelProto],
    references: ReferenceSamples,
    *,
    max_bytes: int,
    scratch: Path,
    change: AllowedChange = DEFAULT_CHANGE,
    noise_of: Callable[[onnx.ModelProto], float] | None = None,
    others: bool = False,
    progress: Progress,
) -> DynamicModel | None:
    """Try the schemes in turn until one is accurate enough; else take the most accurate.

    Args:
        fresh_model: returns a copy of the clean model, which the quantiser may write into.
        references: inputs with the source's outputs.
        max_bytes: size that the result must stay below.
        scratch: a temporary file.
        change: how much the answers may change.
        noise_of: the noise ratio of a model's predictions, where it counts instead of the similarity of the outputs.
        others: whether to give the smallest one, and one that is closer to the original, too.
        progress: callback, called at every scheme.

    Returns:
        None where no scheme gives a smaller model that runs.
    """
    found: list[DynamicModel] = []

    def closeness(model: onnx.ModelProto, differences: Sequence[OutputDifference]) -> float:
        """As in :class:`DynamicModel`. A model that loses an output must not win by its direction alone."""
        if any(one.is_lost for one in differences):
            return -1.0
        if noise_of is not None:
            ratio = noise_of(model)
            return 1.0 if ratio <= _SUFFICIENT_NOISE[change] else 1.0 - ratio
        sufficient = _SUFFICIENT_COSINES[change]
        return min(1.0 if one.is_within(sufficient) else one.cosine for one in differences)

    def make(index: int) -> DynamicModel | None:
        progress(index / len(_SCHEMES), say("Quantising the weights, recipe {number}", number=index + 1))
        made = _apply(_SCHEMES[index], fresh_model(), references, scratch, closeness)
        return made if made is not None and byte_size(made.model) < max_bytes else None

    for index in range(len(_SCHEMES)):
        made = make(index)
        if made is not None:
            found.append(made)
            if made.closeness >= 1.0:
                break
    chosen = max(found, key=lambda quantized: quantized.closeness, default=None)
    if chosen is None or not others:
        return chosen
    closer = make(index + 1) if chosen.closeness >= 1.0 and index + 1 < len(_SCHEMES) else None
    return replace(chosen, smaller=_smallest(found, chosen), closer=closer)


def _smallest(found: Sequence[DynamicModel], chosen: DynamicModel) -> DynamicModel | None:
    """The smallest of the models that lose no output; None where that is the chosen one."""
    usable = [one for one in found if one.closeness >= 0.0]
    smallest = min(usable, key=lambda one: byte_size(one.model), default=chosen)
    return None if byte_size(smallest.model) >= byte_size(chosen.model) else smallest


def _apply(
    scheme: _Scheme,
    model: onnx.ModelProto,
    references: ReferenceSamples,
    scratch: Path,
    closeness: Callable[[onnx.ModelProto, Sequence[OutputDifference]], float],
) -> DynamicModel | None:
    """None if the scheme changes nothing, or its model does not run."""
    if scheme.dynamic:
        try:
            model = quantize_matrix_products(model, scheme.dynamic, scratch)
        # onnxruntime's quantiser documents no exceptions: on a graph that it does not expect, any may come.
        except Exception:  # noqa: BLE001
            return None
    count = store_weights_as_int8(model, scheme.weight_only, share=scheme.float_share)
    products = sum(node.op_type in _QUANTIZED_OPERATORS for node in model.graph.node)
    del model.graph.value_info[:]  # small files consist of little else
    differences = measure_similarity(model, references) if count or products else None
    if differences is None:
        return None
    return DynamicModel(model, count, bool(scheme.dynamic), closeness(model, differences))

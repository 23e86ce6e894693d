"""Dynamic quantisation to 8 bit: matrix products with ranges found at run time, convolutions weight-only.

Where there are calibration samples, weight-only layers are rounded by GPTQ for what they compute on them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import onnx

from core.common.progress import Progress
from core.common.text import say
from core.isolation.trial import measure_similarity
from core.job.allowed_change import DEFAULT_CHANGE, AllowedChange
from core.job.comparison import OutputDifference
from core.metrics.reference_check import ReferenceSamples
from core.onnx_model.serialize import byte_size
from core.quantization.onnx.embeddings import store_embeddings_as_int8
from core.quantization.onnx.matrix_products import quantize_matrix_products
from core.quantization.onnx.quantize_weights import QuantizedWeights
from core.quantization.onnx.sensitivity import noise_ratio
from core.quantization.onnx.weight_only import FLOAT_SHARE, OUTPUT_AXES, store_weights_as_int8

_DYNAMIC_OPERATORS = ("MatMul", "Gemm", "LSTM", "Attention", "EmbedLayerNormalization")
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

_SUFFICIENT_NOISE: Mapping[AllowedChange, float] = {
    "nothing": 0.0016,
    "hardly": 0.0025,
    "little": 0.0063,
    "smallest": 0.02,
}
"""Noise ratio of the worst output at which no further scheme is tried: 28, 26, 22 and 17 dB."""

_SUFFICIENT_PREDICTION_NOISE: Mapping[AllowedChange, float] = {
    "nothing": 0.0005,
    "hardly": 0.001,
    "little": 0.004,
    "smallest": 0.02,
}
"""Likewise that of the predictions, where it counts instead."""

_TOLERANCE = 1.25
"""Where no scheme is accurate enough, the smallest model is taken up to this factor over the least noise."""

_CLOSER = 0.7
"""Share of the chosen model's noise that one may have at most to be called closer."""


_FAR_BELOW = 0.25
"""Share of the sufficient noise below which nobody asks for a model that is closer still."""


@dataclass(frozen=True)
class DynamicModel:
    """The result of one scheme."""

    model: onnx.ModelProto
    weight_only: int
    """Weight tensors that are stored in 8 bit and computed in float."""

    is_dynamic: bool
    """Whether other nodes were quantised dynamically."""

    noise: float
    """Noise ratio of the worst output over the reference samples, or of the predictions; infinite where an output is
    lost."""

    smaller: DynamicModel | None = None
    """The smallest of those that were not accurate enough."""

    closer: DynamicModel | None = None
    """By a later scheme, closer to the original than was asked for."""


def quantize_dynamic(
    fresh_model: Callable[[], onnx.ModelProto],
    references: ReferenceSamples,
    *,
    max_bytes: int,
    scratch: Path,
    change: AllowedChange = DEFAULT_CHANGE,
    rounded: Mapping[str, QuantizedWeights] | None = None,
    noise_of: Callable[[onnx.ModelProto], float] | None = None,
    others: bool = False,
    progress: Progress,
) -> DynamicModel | None:
    """Try the schemes in turn until one is accurate enough; else take the smallest of the most accurate ones.

    Args:
        fresh_model: returns a copy of the clean model, which the quantiser may write into.
        references: inputs with the source's outputs.
        max_bytes: size that the result must stay below.
        scratch: a temporary file.
        change: how much the answers may change.
        rounded: as for :func:`store_weights_as_int8`.
        noise_of: the noise ratio of a model's predictions, where it counts instead of the similarity of the outputs.
        others: whether to give the smallest one, and one that is closer to the original, too.
        progress: callback, called at every scheme.

    Returns:
        None where no scheme gives a smaller model that runs.
    """
    sufficient = (_SUFFICIENT_NOISE if noise_of is None else _SUFFICIENT_PREDICTION_NOISE)[change]

    def noise(model: onnx.ModelProto, differences: Sequence[OutputDifference]) -> float:
        """As in :class:`DynamicModel`. A model that loses an output must not win by its direction alone."""
        if any(one.is_lost for one in differences):
            return math.inf
        return max(map(noise_ratio, differences)) if noise_of is None else noise_of(model)

    def make(indices: Iterable[int]) -> Iterator[DynamicModel]:
        for index in indices:
            progress(index / len(_SCHEMES), say("Quantising the weights, recipe {number}", number=index + 1))
            made = _apply(_SCHEMES[index], fresh_model(), references, scratch, rounded, noise)
            if made is not None and _size(made) < max_bytes:
                yield made

    found: list[DynamicModel] = []
    schemes = iter(range(len(_SCHEMES)))
    for made in make(schemes):
        found.append(made)
        if made.noise <= sufficient:
            break
    if not found:
        return None
    least = max(sufficient, min(one.noise for one in found))
    chosen = min((one for one in found if one.noise <= _TOLERANCE * least), key=_size)
    if not others:
        return chosen
    further = chain(sorted(found, key=_size), make(schemes)) if chosen.noise > _FAR_BELOW * sufficient else ()
    closer = next((one for one in further if one.noise <= _CLOSER * chosen.noise), None)
    return replace(chosen, smaller=_smallest(found, chosen), closer=closer)


def _size(made: DynamicModel) -> int:
    return byte_size(made.model)


def _smallest(found: Sequence[DynamicModel], chosen: DynamicModel) -> DynamicModel | None:
    """The smallest of the models that lose no output; None where that is the chosen one."""
    usable = [one for one in found if one.noise < math.inf]
    smallest = min(usable, key=_size, default=chosen)
    return None if _size(smallest) >= _size(chosen) else smallest


def _apply(
    scheme: _Scheme,
    model: onnx.ModelProto,
    references: ReferenceSamples,
    scratch: Path,
    rounded: Mapping[str, QuantizedWeights] | None,
    noise: Callable[[onnx.ModelProto, Sequence[OutputDifference]], float],
) -> DynamicModel | None:
    """None if the scheme changes nothing that a later one does not, or its model does not run."""
    if scheme.dynamic:
        try:
            model = quantize_matrix_products(model, scheme.dynamic, scratch)
        # onnxruntime's quantiser documents no exceptions: on a graph that it does not expect, any may come.
        except Exception:  # noqa: BLE001
            return None
    tables = store_embeddings_as_int8(model)
    count = store_weights_as_int8(model, scheme.weight_only, share=scheme.float_share, rounded=rounded)
    products = sum(node.op_type in _QUANTIZED_OPERATORS for node in model.graph.node)
    del model.graph.value_info[:]  # small files consist of little else
    if not (products if scheme.dynamic else count + tables):
        return None
    differences = measure_similarity(model, references)
    return None if differences is None else DynamicModel(model, count, bool(scheme.dynamic), noise(model, differences))

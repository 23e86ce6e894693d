"""Convert a prepared ONNX model to ncnn on the first road that gives the source's outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path

import onnx

from core.common.errors import ConversionError, VerificationError
from core.common.text import say
from core.conversion.batch import first_sample
from core.fp16.large_values import FEATURE_MASK
from core.isolation.predictor import IsolatedPredictor
from core.metrics.reference_check import KeepsAnswers, ReferenceSamples, compare_outputs
from core.ncnn.model import NcnnModel
from core.ncnn.param import Layer
from core.ncnn.weights import Array, write_weights
from core.onnx2ncnn.convert import convert_onnx
from core.onnx_model.cost import cost_by_node
from core.onnx_model.shared_weights import repeated_bytes
from core.pnnx.convert import convert_by_pnnx
from core.pnnx.rewrite import rewrite_for_pnnx
from core.runtimes.ncnn import NcnnPredictor
from core.runtimes.predictor import Feeds

_LEAST_COSINE = 0.9999
"""From here on a 32-bit ncnn model counts as equal to its source."""

_NEGLIGIBLE_DIFFERENCE = 1e-6
"""Rounding errors of 32-bit sums. Where a detector finds nothing, its outputs are as small and the cosine is noise."""

_MAX_GROWTH, _ALLOWANCE_BYTES = 1.05, 1 << 16
"""Size of the weights over those of the source, up to which none of them is stored several times."""

_MOST_ACTIVATIONS = 150_000_000
"""Values in all tensors of a model together, up to which pnnx comes first: 600 MB."""

_NO_WINOGRAD = 1 << 6
"""In ncnn's mask of features that a layer does without."""

_Road = Callable[[], NcnnModel]


def convert_to_ncnn(
    candidates: Sequence[onnx.ModelProto],
    *,
    references: ReferenceSamples,
    synthetic: ReferenceSamples = (),
    keeps_answers: KeepsAnswers | None = None,
    folder: Path,
) -> NcnnModel:
    """Convert a model, and check that ncnn gives the source's outputs.

    pnnx comes first, since it merges more operators into one layer; then :mod:`core.onnx2ncnn`, which knows more of
    them (and which comes first where several nodes use the same weights, since it stores them once, and where pnnx
    would take much memory); then, where only the numbers are too far off, convolutions without Winograd's algorithm,
    which rounds more.

    Args:
        candidates: the source, prepared in several ways, with every dimension fixed; the most promising first.
        references: samples with the source's outputs.
        synthetic: the same for inputs that are no samples, on which the model must agree too.
        keeps_answers: what must hold of the outputs for the references besides.
        folder: for pnnx's files, one subfolder for each candidate.

    Raises:
        ConversionError: no road works; the error is the most telling one.
    """
    limit = _MAX_GROWTH * min(_weight_bytes(candidate) for candidate in candidates) + _ALLOWANCE_BYTES
    smallest: NcnnModel | None = None
    errors: list[ConversionError] = []
    close: list[NcnnModel] = []
    for road in _roads(candidates, references[0][0], folder, close):
        try:
            model = road()
            close.append(model)
            _verify(model, references, keeps_answers)
            if synthetic:
                _verify(model, synthetic)
        except ConversionError as exc:
            errors.append(exc)
            continue
        if _size(model) <= limit:
            return model
        if smallest is None or _MAX_GROWTH * _size(model) < _size(smallest):
            smallest = model
    if smallest is not None:
        return smallest
    raise _most_telling(errors)


def _roads(
    candidates: Sequence[onnx.ModelProto], feeds: Feeds, folder: Path, close: Sequence[NcnnModel]
) -> Iterator[_Road]:
    by_pnnx = (
        partial(convert_by_pnnx, candidate, folder / str(index))
        for index, candidate in enumerate(_with_rewrites(candidates))
    )
    own = (partial(convert_onnx, candidate, first_sample(candidate, feeds)) for candidate in candidates)
    yield from chain(own, by_pnnx) if _is_costly_by_pnnx(candidates[0], feeds) else chain(by_pnnx, own)
    for model in tuple(close):
        if any(layer.type.startswith("Convolution") for layer in model.param.layers):
            yield partial(_without_winograd, model)


def _is_costly_by_pnnx(candidate: onnx.ModelProto, feeds: Feeds) -> bool:
    """Whether pnnx would store weights several times, or take much memory.

    It runs the model with all of its tensors as outputs, and keeps them.
    """
    if repeated_bytes(candidate) > (_MAX_GROWTH - 1) * _weight_bytes(candidate) + _ALLOWANCE_BYTES:
        return True
    cost, _ = cost_by_node(candidate, {name: value.shape for name, value in feeds.items()})
    return cost.activations > _MOST_ACTIVATIONS


def _with_rewrites(candidates: Sequence[onnx.ModelProto]) -> Iterator[onnx.ModelProto]:
    """Each candidate after its rewrite, where there is one: unrewritten, pnnx mostly fails on it."""
    for candidate in candidates:
        rewritten = rewrite_for_pnnx(candidate)
        if rewritten is not None:
            yield rewritten
        yield candidate


def _without_winograd(model: NcnnModel) -> NcnnModel:
    def edit(_: int, layer: Layer, arrays: tuple[Array, ...]) -> tuple[Layer, tuple[Array, ...]]:
        return (layer.with_param(FEATURE_MASK, str(_NO_WINOGRAD)) if layer.type == "Convolution" else layer), arrays

    return replace(model.edited(edit))


def _verify(model: NcnnModel, references: ReferenceSamples, keeps_answers: KeepsAnswers | None = None) -> None:
    predictor = IsolatedPredictor(NcnnPredictor, model, references[0][1], threads=1)
    differences = compare_outputs(predictor, references, keeps_answers)
    if differences is None:
        raise _other_outputs("shapes, NaN, infinity, or other answers")
    cosine = min(difference.worst.cosine for difference in differences)
    if cosine < _LEAST_COSINE and max(difference.largest for difference in differences) > _NEGLIGIBLE_DIFFERENCE:
        raise _other_outputs(f"cosine {cosine:.4f}")


def _other_outputs(detail: str) -> VerificationError:
    return VerificationError(
        say("ncnn gives other numbers than the original model."),
        next_step=say("Use the ONNX targets for this model."),
        detail=detail,
    )


def _most_telling(errors: Sequence[ConversionError]) -> ConversionError:
    """That of our own converter, which names the node; else the first one, which is that of the best candidate."""
    own = [error for error in errors if 'at "{node}"' in error.reason.template]
    chosen = own[0] if own else errors[0]
    others = [f"{error.reason} {error.detail}".strip() for error in errors if error is not chosen]
    return type(chosen)(chosen.reason, next_step=chosen.next_step, detail="\n".join([chosen.detail, *others])[:4000])


def _weight_bytes(model: onnx.ModelProto) -> int:
    tensors = [tensor for tensor in model.graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT]
    constants = [one.t for node in model.graph.node for one in node.attribute if one.HasField("t")]
    return sum(tensor.ByteSize() for tensor in (*tensors, *constants))


def _size(model: NcnnModel) -> int:
    return len(write_weights(model.weights))

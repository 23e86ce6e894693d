"""Convert a prepared ONNX model to ncnn, and check that ncnn gives the source's outputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import onnx

from core.common.errors import ConversionError, VerificationError
from core.common.text import say
from core.isolation.predictor import IsolatedPredictor
from core.metrics.reference_check import KeepsAnswers, ReferenceSamples, compare_outputs
from core.ncnn.model import NcnnModel
from core.ncnn.param import Param
from core.ncnn.weights import read_weights
from core.pnnx.rewrite import rewrite_for_pnnx
from core.pnnx.run import run_pnnx
from core.runtimes.ncnn import NcnnPredictor

_LEAST_COSINE = 0.9999
"""From here on a 32-bit ncnn model counts as equal to its source."""

_NEGLIGIBLE_DIFFERENCE = 1e-6
"""Rounding errors of 32-bit sums. Where a detector finds nothing, its outputs are as small and the cosine is noise."""


def convert(
    candidates: Sequence[onnx.ModelProto],
    *,
    references: ReferenceSamples,
    keeps_answers: KeepsAnswers | None = None,
    folder: Path,
) -> NcnnModel:
    """Convert the first candidate that pnnx accepts and for which ncnn then gives the source's outputs.

    Args:
        candidates: the source, prepared in several ways, with every dimension fixed; the most promising first.
        references: samples with the source's outputs.
        keeps_answers: what must hold of the outputs besides.
        folder: for pnnx's files, one subfolder for each candidate.

    Raises:
        ConversionError: none of them works; the error is that of the first, the most promising one.
    """
    errors: list[ConversionError] = []
    for index, candidate in enumerate(_with_rewrites(candidates)):
        try:
            model = _convert_one(candidate, folder / str(index))
            _verify(model, references, keeps_answers)
            return model
        except ConversionError as exc:
            errors.append(exc)
    raise errors[0]


def _with_rewrites(candidates: Sequence[onnx.ModelProto]) -> Iterator[onnx.ModelProto]:
    """Each candidate after its rewrite, where there is one: unrewritten, pnnx mostly fails on it."""
    for candidate in candidates:
        rewritten = rewrite_for_pnnx(candidate)
        if rewritten is not None:
            yield rewritten
        yield candidate


def _convert_one(candidate: onnx.ModelProto, folder: Path) -> NcnnModel:
    result = run_pnnx(candidate, folder)
    return NcnnModel(
        param=result.param,
        weights=read_weights(result.param, result.weights),
        inputs=_match_blobs("in", [value.name for value in candidate.graph.input], result.param),
        outputs=_match_blobs("out", [value.name for value in candidate.graph.output], result.param),
    )


def _verify(model: NcnnModel, references: ReferenceSamples, keeps_answers: KeepsAnswers | None) -> None:
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
        next_step=say("Use the ONNX targets; ncnn's converter misunderstands a part of this model."),
        detail=detail,
    )


def _match_blobs(prefix: str, names: Sequence[str], param: Param) -> dict[str, str]:
    """Name in the source -> blob: pnnx names them in0, in1, ... and out0, out1, ... in the order of the ONNX graph."""
    blobs = {top for layer in param.layers for top in layer.tops}
    matched = {name: f"{prefix}{index}" for index, name in enumerate(names)}
    missing = [name for name, blob in matched.items() if blob not in blobs]
    if missing:
        raise ConversionError(
            say("These inputs or outputs were lost on the way to ncnn: {names}.", names=", ".join(missing)),
            next_step=say("Use the ONNX targets; ncnn's converter misunderstands a part of this model."),
        )
    return matched

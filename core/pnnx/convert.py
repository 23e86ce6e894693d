"""Turn a prepared ONNX model into an ncnn model whose numbers are the source's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import onnx

from core.common.errors import ConversionError, VerificationError
from core.common.text import say
from core.metrics.reference_check import ReferenceSamples
from core.metrics.similarity import ModelSimilarity
from core.ncnn.model import NcnnModel
from core.ncnn.param import Param
from core.ncnn.weights import read_weights
from core.pnnx.rewrite import rewrite_for_pnnx
from core.pnnx.run import run_pnnx
from core.runtimes.ncnn import NcnnPredictor

_SAME = 0.9999
"""Cosine from which a 32-bit ncnn model counts as equal to its source."""

_NOTHING = 1e-6
"""Differences up to this are those of 32-bit sums: where a detector sees nothing, its output has no direction."""


def convert(candidates: Sequence[onnx.ModelProto], *, references: ReferenceSamples, folder: Path) -> NcnnModel:
    """Convert the first candidate that pnnx understands and that ncnn then runs with the right numbers.

    Args:
        candidates: the source in several preparations, every dimension fixed, the most promising first.
        references: some inputs with the source's answers, on which ncnn has to give the same.
        folder: for pnnx's files.

    Raises:
        ConversionError: none of them works; it is the first one's error, which tells most.
    """
    errors: list[ConversionError] = []
    for index, candidate in enumerate(_spellings(candidates)):
        try:
            return _convert_one(candidate, references=references, folder=folder / str(index))
        except ConversionError as exc:
            errors.append(exc)
    raise errors[0]


def _spellings(candidates: Sequence[onnx.ModelProto]) -> Iterator[onnx.ModelProto]:
    """A model with known traps is tried without them first: with them it costs a run of pnnx to no end."""
    for candidate in candidates:
        respelt = rewrite_for_pnnx(candidate)
        if respelt is not None:
            yield respelt
        yield candidate


def _convert_one(candidate: onnx.ModelProto, *, references: ReferenceSamples, folder: Path) -> NcnnModel:
    result = run_pnnx(candidate, folder)
    model = NcnnModel(
        param=result.param,
        weights=read_weights(result.param, result.weights),
        inputs=_match("in", [value.name for value in candidate.graph.input], result.param),
        outputs=_match("out", [value.name for value in candidate.graph.output], result.param),
    )
    cosine, largest = _measure(model, references)
    if cosine < _SAME and largest > _NOTHING:
        raise VerificationError(
            say("ncnn gives other numbers than the original model."),
            next_step=say("Use the ONNX targets; ncnn's converter misunderstands a part of this model."),
            detail=f"cosine {cosine:.4f}",
        )
    return model


def _measure(model: NcnnModel, references: ReferenceSamples) -> tuple[float, float]:
    """Cosine over all trials together, of the output that strays most; and the largest difference of any."""
    expected = references[0][1]
    similarity = ModelSimilarity(tuple(expected))
    predictor = NcnnPredictor(model, expected, threads=1)
    try:
        for feeds, answer in references:
            similarity.update(answer, predictor.run(feeds))
    finally:
        predictor.close()
    return similarity.cosine, max(difference.largest for difference in similarity.compute())


def _match(prefix: str, names: Sequence[str], param: Param) -> dict[str, str]:
    """The names that pnnx gives: inputs are in0, in1, ..., outputs out0, out1, ..., in the order of the ONNX graph."""
    blobs = {top for layer in param.layers for top in layer.tops}
    matched = {name: f"{prefix}{index}" for index, name in enumerate(names)}
    missing = [name for name, blob in matched.items() if blob not in blobs]
    if missing:
        raise ConversionError(
            say("These inputs or outputs were lost on the way to ncnn: {names}.", names=", ".join(missing)),
            next_step=say("Use the ONNX targets; ncnn's converter misunderstands a part of this model."),
        )
    return matched

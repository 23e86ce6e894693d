"""Turn a prepared ONNX model into an ncnn model whose numbers are the source's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx

from core.errors import ConversionError, VerificationError
from core.metrics import least_cosine
from core.ncnn.model import NcnnModel
from core.ncnn.param import Param
from core.ncnn.pnnx import run_pnnx
from core.ncnn.weights import read_weights
from core.runtimes.ncnn import NcnnPredictor
from core.runtimes.predictor import Feeds, Tensor
from core.text import say

_SAME = 0.999
"""Cosine from which a 32-bit ncnn model counts as equal to its source on one input."""


def convert(
    candidates: Sequence[onnx.ModelProto], *, feeds: Feeds, expected: Mapping[str, Tensor], folder: Path
) -> NcnnModel:
    """Convert the first candidate that pnnx understands and that ncnn then runs with the right numbers.

    Args:
        candidates: the source in several preparations, every dimension fixed, the most promising first.
        feeds: one input.
        expected: the source's answer to it.
        folder: for pnnx's files.

    Raises:
        ConversionError: none of them works; it is the first one's error, which tells most.
    """
    errors: list[ConversionError] = []
    for index, candidate in enumerate(candidates):
        try:
            return _convert_one(candidate, feeds=feeds, expected=expected, folder=folder / str(index))
        except ConversionError as exc:
            errors.append(exc)
    raise errors[0]


def _convert_one(
    candidate: onnx.ModelProto, *, feeds: Feeds, expected: Mapping[str, Tensor], folder: Path
) -> NcnnModel:
    result = run_pnnx(candidate, folder)
    weights = read_weights(result.param, result.weights)
    model = NcnnModel(
        param=result.param,
        weights=weights,
        inputs=_match("in", [value.name for value in candidate.graph.input], result.param),
        outputs=_match("out", [value.name for value in candidate.graph.output], result.param),
    )
    predictor = NcnnPredictor(model, expected, threads=1)
    try:
        answers = predictor.run(feeds)
    finally:
        predictor.close()
    if least_cosine(expected, answers) < _SAME:
        raise VerificationError(
            say("ncnn gives other numbers than the original model."),
            next_step=say("Use the ONNX targets; ncnn's converter misunderstands a part of this model."),
            detail=f"cosine {least_cosine(expected, answers):.4f}",
        )
    return model


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

"""Convert a prepared ONNX model to ncnn by pnnx."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import onnx

from core.common.errors import ConversionError
from core.common.text import say
from core.ncnn.model import NcnnModel
from core.ncnn.param import Param
from core.ncnn.weights import read_weights
from core.pnnx.run import run_pnnx


def convert_by_pnnx(candidate: onnx.ModelProto, folder: Path) -> NcnnModel:
    """Convert a model; nothing is compared.

    Args:
        candidate: with every dimension fixed.
        folder: for pnnx's files; it is made.

    Raises:
        ConversionError: pnnx failed, or lost an input or an output.
    """
    result = run_pnnx(candidate, folder)
    return NcnnModel(
        param=result.param,
        weights=read_weights(result.param, result.weights),
        inputs=_match_blobs("in", [value.name for value in candidate.graph.input], result.param),
        outputs=_match_blobs("out", [value.name for value in candidate.graph.output], result.param),
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

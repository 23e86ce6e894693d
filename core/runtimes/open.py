"""Load any artifact with the runtime that it is meant for."""

from __future__ import annotations

from collections.abc import Mapping

from core.ncnn.model import NcnnModel
from core.outcome import Artifact
from core.runtimes.ncnn import NcnnPredictor
from core.runtimes.onnx import OnnxPredictor
from core.runtimes.predictor import Predictor, Tensor


def open_artifact(artifact: Artifact, expected: Mapping[str, Tensor], *, threads: int) -> Predictor:
    """Load it, so that it answers under the source's names.

    Args:
        artifact: an ONNX file, or .param and .bin.
        expected: an answer of the source, whose shapes ncnn's answers are brought to.
        threads: threads for one run; 0 for all.

    Raises:
        ConversionError: the runtime does not load it.
    """
    if not artifact.outputs:
        return OnnxPredictor(artifact.files[0], threads=threads)
    model = NcnnModel.load(*artifact.files, inputs=artifact.inputs, outputs=artifact.outputs)
    return NcnnPredictor(model, expected, threads=threads)

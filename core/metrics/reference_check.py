"""Check an intermediate ONNX model against the source's outputs on a few reference samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import onnx

from core.common.errors import ConversionError
from core.job.comparison import OutputDifference
from core.metrics.similarity import ModelSimilarity
from core.runtimes.onnx import OnnxPredictor
from core.runtimes.predictor import Feeds, Tensor, all_finite

ReferenceSamples: TypeAlias = Sequence[tuple[Feeds, Mapping[str, Tensor]]]
"""Inputs, each with the source's outputs for it."""


def measure_similarity(model: onnx.ModelProto, references: ReferenceSamples) -> tuple[OutputDifference, ...] | None:
    """Difference of each output from the source's, over all reference samples.

    Returns:
        None if the model does not load or run, or if its outputs have other shapes, infinities or NaN.
    """
    try:
        predictor = OnnxPredictor(model, threads=1)
    except ConversionError:
        return None
    similarity = ModelSimilarity(predictor.outputs)
    try:
        for feeds, expected in references:
            outputs = predictor.run(feeds)
            if not _is_comparable(outputs, expected):
                return None
            similarity.update(expected, outputs)
    except ConversionError:
        return None
    finally:
        predictor.close()
    return similarity.compute()


def agrees(model: onnx.ModelProto, references: ReferenceSamples, *, least: float) -> bool:
    """Whether it runs, and every output is within ``least`` (a cosine) of the source's."""
    differences = measure_similarity(model, references)
    return differences is not None and all(difference.is_within(least) for difference in differences)


def _is_comparable(outputs: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> bool:
    """The same shapes, and finite where the source's outputs are."""
    if any(outputs[name].shape != tensor.shape for name, tensor in expected.items()):
        return False
    return all_finite(outputs) or not all_finite(expected)

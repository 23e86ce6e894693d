"""Try out a model in the making on a few inputs."""

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
"""Inputs, with the source's answers."""


def measure_similarity(model: onnx.ModelProto, references: ReferenceSamples) -> tuple[OutputDifference, ...] | None:
    """How far each output strays from the source's over all trials.

    Returns:
        None if the model does not load or run, or gives other shapes, infinities or NaN.
    """
    try:
        predictor = OnnxPredictor(model, threads=1)
    except ConversionError:
        return None
    similarity = ModelSimilarity(predictor.outputs)
    try:
        for feeds, expected in references:
            answers = predictor.run(feeds)
            if not _has_form(answers, expected):
                return None
            similarity.update(expected, answers)
    except ConversionError:
        return None
    finally:
        predictor.close()
    return similarity.compute()


def agrees(model: onnx.ModelProto, references: ReferenceSamples, *, least: float) -> bool:
    """Whether it runs, and every output is within ``least`` (a cosine) of the source's."""
    differences = measure_similarity(model, references)
    return differences is not None and all(difference.is_within(least) for difference in differences)


def _has_form(answers: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> bool:
    if any(answers[name].shape != tensor.shape for name, tensor in expected.items()):
        return False
    return all_finite(answers) or not all_finite(expected)

"""Compare a candidate model with the source's outputs on a few reference samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from core.job.comparison import OutputDifference
from core.metrics.similarity import ModelSimilarity
from core.runtimes.predictor import Feeds, Predictor, Tensor, all_finite

ReferenceSamples: TypeAlias = Sequence[tuple[Feeds, Mapping[str, Tensor]]]
"""Inputs with the source's outputs."""

KeepsAnswers: TypeAlias = Callable[[Sequence[Mapping[str, Tensor]]], bool]
"""Whether outputs for the reference samples, in their order, give the source's answers in the terms of its task."""


def compare_outputs(
    predictor: Predictor, references: ReferenceSamples, keeps_answers: KeepsAnswers | None = None
) -> tuple[OutputDifference, ...] | None:
    """Difference of each output from the source's, over all reference samples.

    Args:
        predictor: the candidate; it is closed afterwards.
        references: at least one sample.
        keeps_answers: what must hold besides.

    Returns:
        None if the outputs have other names, order or shapes, NaN or infinity where the source's are finite, or other
        answers.

    Raises:
        ConversionError: the candidate does not run.
    """
    similarity = ModelSimilarity(tuple(references[0][1]))
    made = []
    try:
        for feeds, expected in references:
            outputs = predictor.run(feeds)
            if not _is_comparable(outputs, expected):
                return None
            similarity.update(expected, outputs)
            made.append(outputs)
    finally:
        predictor.close()
    return similarity.compute() if keeps_answers is None or keeps_answers(made) else None


def _is_comparable(outputs: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> bool:
    shapes, expected_shapes = (
        [(name, tensor.shape) for name, tensor in tensors.items()] for tensors in (outputs, expected)
    )
    return shapes == expected_shapes and (all_finite(outputs) or not all_finite(expected))

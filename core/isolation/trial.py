"""Try a candidate model on the reference samples in the helper process."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx

from core.common.errors import ConversionError
from core.isolation.predictor import IsolatedPredictor
from core.job.comparison import OutputDifference
from core.metrics.reference_check import KeepsAnswers, ReferenceSamples, compare_outputs
from core.onnx_model.stored import StoredModel
from core.runtimes.onnx import OnnxPredictor


def measure_similarity(
    model: onnx.ModelProto, references: ReferenceSamples, keeps_answers: KeepsAnswers | None = None
) -> tuple[OutputDifference, ...] | None:
    """:func:`compare_outputs` of an ONNX model; None as well if it does not load or run, crashes or hangs."""
    try:
        with open_candidate(model) as predictor:
            return compare_outputs(predictor, references, keeps_answers)
    except ConversionError:
        return None


@contextmanager
def open_candidate(model: onnx.ModelProto) -> Iterator[IsolatedPredictor]:
    """Load a candidate from a file, by which a large one is not sent to the helper process; whoever asks closes it.

    Raises:
        ConversionError: it is too large for a file, or does not load.
    """
    with tempfile.TemporaryDirectory(prefix="edgepress-", ignore_cleanup_errors=True) as folder:
        yield IsolatedPredictor(OnnxPredictor, StoredModel.of(model, Path(folder)).path, threads=1)


def agrees(
    model: onnx.ModelProto, references: ReferenceSamples, *, least: float, keeps_answers: KeepsAnswers | None = None
) -> bool:
    """Whether it runs, keeps the answers, and every output is within ``least`` (a cosine) of the source's."""
    differences = measure_similarity(model, references, keeps_answers)
    return differences is not None and all(difference.is_within(least) for difference in differences)

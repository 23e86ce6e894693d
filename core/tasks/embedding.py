"""Embedding: a vector for each sample, of which only the directions to each other matter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from core.common.text import Text, say
from core.job.comparison import Agreement
from core.job.task_name import TaskName
from core.metrics.intervals import wilson
from core.preprocessing import Placement
from core.runtimes.predictor import Tensor
from core.tasks.base import Budget, Evidence, TaskOptions
from core.tasks.predictions import EmbeddingVector

_FEWEST, _MOST = 32, 8192
"""Dimensions."""

_WORDS = ("embed", "feature", "feat", "pooled", "pooler", "descriptor", "last_hidden_state", "arcface", "reid", "clip")
_TOKENS = ("input_ids", "token")
_LEAST_SAMPLES = 3
_SAME = 0.9
"""Quantile of the source's similarities above which two samples count as the same."""


class Embedding:
    """Decodes a vector, or the mean of one vector for each token.

    Args:
        output: name of the output, of shape (1, dimensions), the same with axes of 1, or (1, tokens, dimensions).
        reason: why the model is taken for one of embedding.
    """

    name: ClassVar[TaskName] = "embedding"
    budget: ClassVar[Budget] = Budget(keeps=0.9, floor=0.3)
    options = TaskOptions()

    def __init__(self, output: str, *, reason: Text) -> None:
        self._output = output
        self.class_names: tuple[str, ...] = ()
        self.reason = reason

    def decode(self, outputs: Mapping[str, Tensor], placement: Placement) -> EmbeddingVector:
        """The vector of length 1; of a batch the first sample counts."""
        rows = outputs[self._output][0].astype(np.float64)
        vector = rows.reshape(-1, rows.shape[-1]).mean(axis=0) if rows.shape[-1] > 1 else rows.ravel()
        length = float(np.linalg.norm(vector))
        return EmbeddingVector((vector / length if length else vector).astype(np.float32))

    def agreement(self) -> NeighbourAgreement:
        """Share of samples with the source's nearest neighbour."""
        return NeighbourAgreement()

    def truth(self) -> None:
        """Which samples belong together is not labelled."""
        return

    def confidence(self, predictions: Sequence[EmbeddingVector]) -> float:
        """Vectors tell nothing about how sure a model is."""
        return 0.0

    def to_json(self, prediction: EmbeddingVector) -> dict[str, Any]:
        """Nothing that could be drawn."""
        return {}


class NeighbourAgreement:
    """Share of samples whose nearest neighbour among the other test samples, by cosine, is the source's.

    Memory: the vectors of all samples, at most 1000.
    """

    def __init__(self) -> None:
        self._source: list[NDArray[np.float32]] = []
        self._other: list[NDArray[np.float32]] = []

    def update(self, source: EmbeddingVector, other: EmbeddingVector) -> float:
        """Add one sample; the cosine of its two vectors."""
        self._source.append(source.vector)
        self._other.append(other.vector)
        return max(0.0, min(1.0, float(source.vector @ other.vector)))

    def compute(self) -> Agreement | None:
        """None for fewer than three samples, or where the source gives all of them one vector."""
        if len(self._source) < _LEAST_SAMPLES:
            return None
        before, after = (np.stack(vectors) for vectors in (self._source, self._other))
        similar, similar_after = before @ before.T, after @ after.T
        pairs = np.triu_indices(len(before), 1)
        if float(np.ptp(similar[pairs])) == 0.0:
            return None
        threshold = float(np.quantile(similar[pairs], _SAME))
        same = (similar[pairs] >= threshold) == (similar_after[pairs] >= threshold)
        details = {
            "same_decisions": float(same.mean()),
            "cosine": float((before * after).sum(axis=1).mean()),
        }
        for matrix in (similar, similar_after):
            np.fill_diagonal(matrix, -np.inf)
        kept = int((similar.argmax(axis=1) == similar_after.argmax(axis=1)).sum())
        low, high = wilson(kept, len(before))
        return Agreement("neighbours", kept / len(before), low, high, len(before), len(before), details)


def recognize(evidence: Evidence, options: TaskOptions) -> Embedding | None:
    """A model of which an output is a vector that is called so, or always has the length 1."""
    stem = evidence.source.path.stem.casefold()
    takes_tokens = any(word in tensor.name.casefold() for tensor in evidence.source.inputs for word in _TOKENS)
    for name, tensor in evidence.outputs[0].items():
        if not _is_vector(tensor, rows=takes_tokens) or _is_classifier(tensor, evidence):
            continue
        samples = [sample[name] for sample in evidence.outputs]
        is_called = any(word in name.casefold() or word in stem for word in _WORDS)
        has_signs = any(float(sample.min()) < 0.0 for sample in samples)
        if has_signs and all(abs(float(np.linalg.norm(sample[0])) - 1.0) < 1e-3 for sample in samples):
            return Embedding(name, reason=say("It gives vectors of length 1."))
        if is_called or (takes_tokens and tensor.ndim == 3):
            return Embedding(name, reason=say('It gives a vector ("{name}").', name=name))
    return None


def _is_vector(tensor: Tensor, *, rows: bool) -> bool:
    if not np.issubdtype(tensor.dtype, np.floating) or tensor.ndim < 2 or tensor.shape[0] != 1:
        return False
    dimensions = tensor.shape[-1] if rows and tensor.ndim == 3 else tensor.size
    is_one = max(tensor.shape) == tensor.size
    return (is_one or (rows and tensor.ndim == 3)) and _FEWEST <= dimensions <= _MOST


def _is_classifier(tensor: Tensor, evidence: Evidence) -> bool:
    return len(evidence.class_names) == tensor.size or len(evidence.labels) == tensor.size

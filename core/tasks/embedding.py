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

_USUAL = frozenset({96, 128, 192, 256, 320, 384, 512, 640, 768, 1024, 1280, 1536, 2048})
"""Dimensions of models whose vectors are not called so. Classifiers with as many classes are rare."""

_HIGHEST_PEAK = 4.0
"""Standard deviations of the highest number above the mean, for vectors: 2.6 to 3.5 where the numbers are distributed
normally. A trained classifier has 4.5 to 13 (1000 classes), 5.3 with 128 of them."""

_WORDS = ("embed", "feature", "feat", "pooled", "pooler", "descriptor", "last_hidden_state", "arcface", "reid", "clip")
_TOKENS = ("input_ids", "token")
_LEAST_SAMPLES, _MOST_SAMPLES = 3, 1000
_SAME = 0.9
"""Quantile of the source's similarities above which two samples count as the same."""


class Embedding:
    """Decodes a vector, or the mean of one vector for each token.

    Args:
        output: name of the output, of shape (1, dimensions), the same with axes of 1, or (1, tokens, dimensions).
        reason: why the model is taken for one of embedding.
    """

    name: ClassVar[TaskName] = "embedding"
    noise: ClassVar[None] = None  # that of the vectors says it
    budget: ClassVar[Budget] = Budget(keeps=0.9, floor=0.3)
    options = TaskOptions()

    def __init__(self, output: str, *, reason: Text) -> None:
        self._output = output
        self.class_names: tuple[str, ...] = ()
        self.reason = reason

    @property
    def decoder(self) -> Mapping[str, Any]:
        """The output."""
        return {"output": self._output}

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
        if len(self._source) < _MOST_SAMPLES:
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


def recognize(evidence: Evidence, options: TaskOptions, *, is_chosen: bool = False) -> Embedding | None:
    """A model of which an output is a vector that is called so, always has the length 1, or has no peaks.

    Args:
        evidence: what is known of the model.
        options: what the person chose.
        is_chosen: whether the person says that it embeds: then the first vector is taken, or the first row of vectors.
    """
    if is_chosen:
        return _chosen(evidence)
    stem = evidence.source.path.stem.casefold()
    takes_tokens = any(word in tensor.name.casefold() for tensor in evidence.source.inputs for word in _TOKENS)
    for name, tensor in evidence.outputs[0].items():
        has_rows = takes_tokens or "last_hidden_state" in name.casefold()
        samples = [sample[name] for sample in evidence.outputs]
        if not _is_vector(tensor, rows=has_rows) or _is_classifier(samples, evidence):
            continue
        is_called = any(word in name.casefold() or word in stem for word in _WORDS)
        has_signs = any(float(sample.min()) < 0.0 for sample in samples)
        if has_signs and all(abs(float(np.linalg.norm(sample[0])) - 1.0) < 1e-3 for sample in samples):
            return Embedding(name, reason=say("It gives vectors of length 1."))
        if is_called or (takes_tokens and tensor.ndim == 3):
            return Embedding(name, reason=say('It gives a vector ("{name}").', name=name))
        if len(evidence.outputs[0]) == 1 and evidence.input_size is not None and _has_no_peak(samples):
            return Embedding(name, reason=say("It gives {count} numbers of which none stands out.", count=tensor.size))
    return None


def _chosen(evidence: Evidence) -> Embedding | None:
    """The first output that is a vector, else the first that is a row of vectors."""
    for has_rows in (False, True):
        for name, tensor in evidence.outputs[0].items():
            if _is_vector(tensor, rows=has_rows, fewest=2):
                return Embedding(name, reason=say('It gives a vector ("{name}").', name=name))
    return None


def _is_vector(tensor: Tensor, *, rows: bool, fewest: int = _FEWEST) -> bool:
    if not np.issubdtype(tensor.dtype, np.floating) or tensor.ndim < 2 or tensor.shape[0] != 1:
        return False
    dimensions = tensor.shape[-1] if rows and tensor.ndim == 3 else tensor.size
    is_one = max(tensor.shape) == tensor.size
    return (is_one or (rows and tensor.ndim == 3)) and fewest <= dimensions <= _MOST


def _is_classifier(samples: Sequence[Tensor], evidence: Evidence) -> bool:
    """Whether there is a name or a label for each number, or the numbers are shares of 1."""
    count = samples[0].size
    if count in (len(evidence.class_names), len(evidence.labels)):
        return True
    return all(float(sample.min()) >= 0.0 and abs(float(sample.sum()) - 1.0) < 1e-2 for sample in samples)


def _has_no_peak(samples: Sequence[Tensor]) -> bool:
    """Whether there are as many numbers as vectors usually have, and none is far above the others.

    Probabilities of independent classes are no vectors either.
    """
    numbers = np.stack([sample.ravel().astype(np.float64) for sample in samples])
    if numbers.shape[1] not in _USUAL or (numbers.min() >= 0.0 and numbers.max() <= 1.0):
        return False
    if numbers.min() >= 0.0:  # after a ReLU; the scores of classes that are not there are negative
        return True
    deviations = np.maximum(numbers.std(axis=1), 1e-12)
    return float(np.mean((numbers.max(axis=1) - numbers.mean(axis=1)) / deviations)) < _HIGHEST_PEAK

"""Image classification: one score for each class, of which the best is the answer, or all above a threshold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from core.common.text import Text, say
from core.job.task_name import TaskName
from core.preprocessing import Placement
from core.runtimes.predictor import Tensor
from core.tasks.base import Budget, Evidence, TaskOptions
from core.tasks.mean_metrics import Compared, MeanAgreement, MeanTruth
from core.tasks.predictions import ClassScores, ClassTruth, ObjectTruth, Truth

_TOP = 5
_DEFAULT_SCORE = 0.5
_DEFAULTS = TaskOptions()
_SUM_TOLERANCE = 1e-2


class Classification:
    """Decodes an output with one score for each class.

    Args:
        output: name of the output with the scores, of shape (1, classes) or (1, classes, 1, 1).
        names: class names by index, where they are known.
        folders: names of the test images' class folders, one for each class; where the model has no class names,
            their alphabetical order gives the indices, as in torchvision's ImageFolder.
        multi_label: whether the scores are independent of each other (sigmoid), so that several classes may be present.
        options: a score of None is 0.5; it counts for multi-label models only.
        reason: why the model is taken for a classifier.
    """

    name: ClassVar[TaskName] = "classification"
    noise: ClassVar[None] = None  # that of the scores says it
    budget: ClassVar[Budget] = Budget(keeps=0.97, floor=0.5)

    def __init__(
        self,
        output: str,
        *,
        names: Sequence[str] = (),
        folders: Iterable[str] = (),
        multi_label: bool = False,
        options: TaskOptions = _DEFAULTS,
        reason: Text | None = None,
    ) -> None:
        self._output = output
        self._multi_label = multi_label
        self._score = _DEFAULT_SCORE if options.score is None else options.score
        self.options = replace(options, score=self._score if multi_label else None)
        self.reason = reason or say("It gives one score for each class.")
        self.class_names = tuple(names)
        known = self.class_names or tuple(sorted(set(folders)))
        self._indices = {_normalized(name): index for index, name in enumerate(known)}

    @property
    def decoder(self) -> Mapping[str, Any]:
        """The output, how many classes are ranked, and the threshold of multi-label models."""
        return {"output": self._output, "top": _TOP, "multi_label": self._multi_label, "score": self._score}

    def decode(self, outputs: Mapping[str, Tensor], placement: Placement) -> ClassScores:
        """Rank the classes by their scores; of a batch the first sample counts."""
        tensor = outputs[self._output]
        scores = tensor[0].ravel() if tensor.ndim > 1 else tensor
        # Stable, so that equal scores rank the same in every file.
        ranking = tuple(int(index) for index in np.argsort(-scores, kind="stable")[:_TOP])
        if self._multi_label:
            present = frozenset(np.flatnonzero(scores >= self._score).tolist())
            return _ranked(ranking, scores, present)
        return _ranked(ranking, to_probabilities(scores), None)

    def class_index(self, label: str) -> int | None:
        """Index of the class with this name; a number that is no class name is the index itself."""
        named = self._indices.get(_normalized(label))
        return int(label) if named is None and label.isdecimal() else named

    def class_name(self, index: int) -> str:
        """The model's own name for it, or its number."""
        return self.class_names[index] if index < len(self.class_names) else str(index)

    def agreement(self) -> MeanAgreement[ClassScores]:
        """Share of samples with the same best class; multi-label: F1 of the classes that are present."""
        if self._multi_label:
            return MeanAgreement("same-labels", _same_labels)
        return MeanAgreement("top-1", _same_class)

    def truth(self) -> MeanTruth[ClassScores]:
        """Top-1 and top-5 accuracy, by any of an image's labels; multi-label: F1 of the labels."""
        if self._multi_label:
            return MeanTruth(("label-f1",), self._label_f1)
        return MeanTruth(("top-1", "top-5"), self._correct)

    def confidence(self, predictions: Sequence[ClassScores]) -> float:
        """The share of confident predictions that differ from each other: see :func:`log_inception_score`.

        With the best class and its probability alone: what is left is spread evenly over as many other classes.
        """
        classes = sorted({prediction.ranking[0] for prediction in predictions})
        count = max(2, len(classes))
        rows = []
        for prediction in predictions:
            row = np.full(count, (1 - prediction.probability) / (count - 1))
            row[classes.index(prediction.ranking[0])] = prediction.probability
            rows.append(row)
        highest = np.log(max(2, len(predictions)))
        return log_inception_score(np.stack(rows)) / float(highest) if len(classes) > 1 else 0.0

    def to_json(self, prediction: ClassScores) -> dict[str, Any]:
        """The best classes with their probabilities, and all that are present."""
        data: dict[str, Any] = {
            "kind": "classes",
            "label": self.class_name(prediction.ranking[0]),
            "score": round(prediction.probability, 6),
        }
        if prediction.probabilities:
            best = zip(prediction.ranking, prediction.probabilities, strict=True)
            data["best"] = [[self.class_name(index), round(probability, 4)] for index, probability in best]
        if prediction.present is not None:
            data["present"] = [self.class_name(index) for index in sorted(prediction.present)]
        return data

    def _correct(self, prediction: ClassScores, truth: Truth) -> tuple[float, float] | None:
        right = self._indices_of(truth.labels) if isinstance(truth, ClassTruth) else frozenset()
        if not right:
            return None
        return float(prediction.ranking[0] in right), float(not right.isdisjoint(prediction.ranking))

    def _label_f1(self, prediction: ClassScores, truth: Truth) -> tuple[float] | None:
        """Labelled objects say which classes are in the image, too."""
        if not isinstance(truth, (ClassTruth, ObjectTruth)):
            return None
        right = self._indices_of(truth.labels)
        # Where the model knows none of the labels, whatever it says is no answer to them.
        return (_f1(right, prediction.present or frozenset()),) if right or not truth.labels else None

    def _indices_of(self, labels: Iterable[str]) -> frozenset[int]:
        return frozenset(index for label in labels if (index := self.class_index(label)) is not None)


def recognize(evidence: Evidence, options: TaskOptions, *, is_chosen: bool = False) -> Classification | None:
    """A model with one row of scores: any for an image, probabilities for anything else.

    Args:
        evidence: what is known of the model.
        options: what the person chose.
        is_chosen: whether the person says that it classifies: then any row of scores will do.
    """
    found = _scores_of(evidence, is_chosen=is_chosen)
    if found is None:
        return None
    name, samples = found
    count = samples[0].size
    folders = evidence.labels if len(evidence.labels) == count else ()
    return Classification(
        name,
        names=evidence.class_names if len(evidence.class_names) == count else (),
        folders=() if all(label.isdecimal() for label in folders) else folders,
        multi_label="Sigmoid" in evidence.source.operators and _is_multi_label(samples),
        options=options,
        reason=say("It gives one score for each of {count} classes.", count=count),
    )


def to_probabilities(scores: Tensor) -> NDArray[np.float64]:
    """Softmax of all scores, flattened; scores that sum to 1 are probabilities already and stay as they are."""
    scores = scores.astype(np.float64).ravel()
    if scores.min() >= 0.0 and abs(scores.sum() - 1.0) < _SUM_TOLERANCE:
        return scores
    exponentials: NDArray[np.float64] = np.exp(scores - scores.max())
    return exponentials / float(exponentials.sum())


def log_inception_score(probabilities: NDArray[np.float64]) -> float:
    """Entropy of the mean prediction minus the mean entropy of the predictions, in nats.

    The logarithm of the Inception Score (Salimans et al., 2016), the mutual information of image and class: high
    where each prediction is confident and they differ. Confidence alone would favour inputs far out of range, for
    which many models predict the same class with full confidence.

    Args:
        probabilities: shape (samples, classes).
    """
    return _entropy(probabilities.mean(axis=0)) - float(np.mean([_entropy(row) for row in probabilities]))


def _ranked(ranking: tuple[int, ...], shares: NDArray[Any], present: frozenset[int] | None) -> ClassScores:
    best = tuple(float(shares[index]) for index in ranking)
    return ClassScores(ranking, best[0], present, best)


def _entropy(row: NDArray[np.float64]) -> float:
    positive = row[row > 0]
    return float(-(positive * np.log(positive)).sum())


def _scores_of(evidence: Evidence, *, is_chosen: bool) -> tuple[str, list[Tensor]] | None:
    """Name of the output with the scores, and its rows for all samples."""
    rows = {}
    for name, tensor in evidence.outputs[0].items():
        is_row = tensor.ndim in (2, 4) and tensor.shape[0] == 1 and tensor.size == tensor.shape[1] >= 2
        if is_row and np.issubdtype(tensor.dtype, np.floating):
            rows[name] = [sample[name].ravel() for sample in evidence.outputs]
    shares = [name for name, samples in rows.items() if all(map(_are_shares, samples))]
    if shares:
        return shares[0], rows[shares[0]]
    is_only = evidence.source.takes_image and len(evidence.outputs[0]) == 1
    return next(iter(rows.items()), None) if is_only or is_chosen else None


def _are_shares(scores: Tensor) -> bool:
    return bool(scores.min() >= 0.0 and abs(float(scores.sum()) - 1.0) < _SUM_TOLERANCE)


def _is_multi_label(samples: Sequence[Tensor]) -> bool:
    """Probabilities that do not sum to 1."""
    between = all(sample.min() >= 0.0 and sample.max() <= 1.0 for sample in samples)
    return between and not all(map(_are_shares, samples)) and max(float(sample.max()) for sample in samples) > 0.0


def _same_class(source: ClassScores, other: ClassScores) -> Compared:
    drift = {"probability_drift": other.probability - source.probability}
    return float(source.ranking[:1] == other.ranking[:1]), 1, drift


def _same_labels(source: ClassScores, other: ClassScores) -> Compared:
    mine, theirs = source.present or frozenset(), other.present or frozenset()
    drift = {"probability_drift": other.probability - source.probability}
    return _f1(mine, theirs), len(mine | theirs), drift


def _f1(labels: frozenset[int], others: frozenset[int]) -> float:
    """1 where both are empty."""
    return 2 * len(labels & others) / (len(labels) + len(others)) if labels or others else 1.0


def _normalized(name: str) -> str:
    return name.strip().casefold().replace("_", " ")

"""The metrics of object tasks: agreement with the source by F1, and mAP against labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from core.job.comparison import Agreement, TruthFigure
from core.metrics.average_precision import AveragePrecision
from core.metrics.object_f1 import ObjectF1
from core.tasks.base import TruthMetric
from core.tasks.objects.similarity import Floats
from core.tasks.predictions import Detections, ObjectTruth, Truth

Similarity: TypeAlias = Callable[[Detections, Detections], Floats]
TrueSimilarity: TypeAlias = Callable[[Detections, ObjectTruth], Floats | None]
ClassIndex: TypeAlias = Callable[[str], int | None]


class ObjectAgreement:
    """F1 of the objects that score enough to be shown.

    Args:
        score: least score of an object.
        f1: an empty accumulator.
        similarity: of the objects of two predictions, 0 between different classes.
    """

    def __init__(self, score: float, f1: ObjectF1, similarity: Similarity) -> None:
        self._score = score
        self._f1 = f1
        self._similarity = similarity

    def update(self, source: Detections, other: Detections) -> float:
        """Add one image; its own F1, 1 where neither found anything."""
        source, other = source.above(self._score), other.above(self._score)
        return self._f1.update(self._similarity(source, other), source.scores, other.scores)

    def compute(self, details: Mapping[str, float] | None = None) -> Agreement | None:
        """Over all images; None where neither model found anything.

        Args:
            details: to be added.
        """
        return self._f1.compute(details)


@dataclass(frozen=True)
class TruthKind:
    """One way to hold predictions against labels: by boxes, masks or poses."""

    precision: AveragePrecision
    """An empty accumulator."""

    similarity: TrueSimilarity
    """None where the labels of an image have nothing of this kind."""

    ignored: Callable[[ObjectTruth], NDArray[np.bool_]] | None = None
    """Which labelled objects do not count, besides groups."""


class ObjectPrecision:
    """The mAP of each kind, in this order.

    Args:
        class_index: from a label to the index of the model's class; labels of no class are left out.
        kinds: the most important first.
    """

    def __init__(self, class_index: ClassIndex, *kinds: TruthKind) -> None:
        self._class_index = class_index
        self._kinds = kinds

    def update(self, prediction: Detections, truth: Truth) -> None:
        """Add one labelled image; labels that are no objects are ignored."""
        if not isinstance(truth, ObjectTruth):
            return
        indices = [self._class_index(label) for label in truth.labels]
        known = np.array([place for place, index in enumerate(indices) if index is not None], dtype=np.int64)
        classes = np.array([index for index in indices if index is not None], dtype=np.int64)
        self._add(prediction, _take(truth, known), classes)

    def _add(self, prediction: Detections, truth: ObjectTruth, classes: NDArray[np.int64]) -> None:
        for kind in self._kinds:
            similarity = kind.similarity(prediction, truth)
            if similarity is not None:
                ignored = None if kind.ignored is None else kind.ignored(truth)
                kind.precision.update(
                    prediction.scores, prediction.classes, classes, similarity, crowd=truth.crowd, ignored=ignored
                )

    def compute(self, source: TruthMetric[Any] | None = None) -> tuple[TruthFigure, ...]:
        """The figures of every kind of which there were labels.

        Args:
            source: the source's own, over the same images.
        """
        others = source._kinds if isinstance(source, ObjectPrecision) else (None,) * len(self._kinds)
        return tuple(
            figure
            for kind, other in zip(self._kinds, others, strict=True)
            for figure in kind.precision.compute(None if other is None else other.precision)
        )


def _take(truth: ObjectTruth, indices: NDArray[np.int64]) -> ObjectTruth:
    return replace(
        truth,
        boxes=truth.boxes[indices],
        labels=tuple(truth.labels[index] for index in indices),
        crowd=truth.crowd[indices],
        areas=truth.areas[indices],
        masks=None if truth.masks is None else tuple(truth.masks[index] for index in indices),
        keypoints=None if truth.keypoints is None else truth.keypoints[indices],
        point_counts=None if truth.point_counts is None else tuple(truth.point_counts[index] for index in indices),
    )

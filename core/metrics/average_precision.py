"""Mean average precision (mAP) as COCO defines it, with confidence intervals for the difference of two models.

The figures are those of pycocotools' ``COCOeval`` for objects of all sizes. It is not used itself: it reads all images
from two files, and its loops take minutes for several models and the twenty groups of the jackknife.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.job.comparison import TruthFigure, TruthName
from core.metrics.jackknife import jackknife

THRESHOLDS = np.linspace(0.5, 0.95, 10)
"""Similarities from which a detection counts as right; the first one alone gives AP50."""

_RECALLS = np.linspace(0.0, 1.0, 101)
"""Recalls at which precision is read."""

_GROUPS = 20
"""Of images, for the jackknife."""


class _Image(NamedTuple):
    """What is kept of one image: 12 bytes for a detection."""

    scores: NDArray[np.float32]
    classes: NDArray[np.int32]
    right: NDArray[np.uint8]
    """Shape (detections, 2): a bit for each threshold."""

    wrong: NDArray[np.uint8]
    """The same; what is matched with a label that does not count is neither."""

    true_classes: NDArray[np.int32]
    """Of the labelled objects that count."""


class AveragePrecision:
    """Matches the detections of each image with its labels, and keeps only what was right.

    Args:
        names: of mAP at 0.5 to 0.95 and at 0.5.
        most: detections of a class that count in an image, the best ones: 100 in COCO, 20 for poses.
    """

    def __init__(self, names: tuple[TruthName, TruthName], *, most: int = 100) -> None:
        self._names = names
        self._most = most
        self._images: list[_Image] = []

    def update(
        self,
        scores: NDArray[Any],
        classes: NDArray[np.int64],
        true_classes: NDArray[np.int64],
        similarity: NDArray[np.float64],
        *,
        crowd: NDArray[np.bool_],
        ignored: NDArray[np.bool_] | None = None,
    ) -> None:
        """Add one labelled image.

        Args:
            scores: shape (n,), of the detections, in any order.
            classes: shape (n,).
            true_classes: shape (m,), of the labelled objects.
            similarity: shape (n, m): IoU (with groups: share of the detection inside), or OKS.
            crowd: shape (m,): groups, which any number of detections may match without being right or wrong.
            ignored: shape (m,): objects that count neither as found nor as missed either.
        """
        aside = crowd if ignored is None else crowd | ignored
        order = _best(scores, classes, self._most)
        matched = np.zeros((len(order), len(THRESHOLDS)), dtype=bool)
        counts = np.ones_like(matched)
        for index in np.unique(true_classes).tolist():
            rows = np.flatnonzero(classes[order] == index)
            columns = np.flatnonzero(true_classes == index)
            # Objects that do not count come last: a detection takes one only where there is no other.
            columns = columns[np.argsort(aside[columns], kind="stable")]
            pairs = similarity[np.ix_(order[rows], columns)]
            matched[rows], counts[rows] = _match(pairs, crowd[columns], aside[columns])
        right, wrong = (np.packbits(bits, axis=1) for bits in (matched & counts, ~matched & counts))
        kept = scores[order].astype(np.float32), classes[order].astype(np.int32)
        self._images.append(_Image(*kept, right, wrong, true_classes[~aside].astype(np.int32)))
        self.__dict__.pop("_table", None)

    def compute(self, source: AveragePrecision | None = None) -> tuple[TruthFigure, ...]:
        """The mAP at 0.5 to 0.95 and at 0.5, as means over the classes that are labelled; empty without any.

        Args:
            source: the same of the source, over the same images, for the difference. Its interval is by the
                delete-a-group jackknife over groups of images, since mAP is no mean over images.
        """
        if not self._images or not self._table.has_labels:
            return ()
        if source is None or len(source._images) != len(self._images):
            values = self._table.everything
            return tuple(
                TruthFigure(name, value, len(self._images))
                for name, value in zip(self._names, values.tolist(), strict=True)
            )
        return tuple(self._differences(source))

    def _differences(self, source: AveragePrecision) -> Iterator[TruthFigure]:
        values, differences = self._table.everything, self._table.everything - source._table.everything
        without = self._table.without_groups - source._table.without_groups
        for place, name in enumerate(self._names):
            difference = float(differences[place])
            interval = jackknife(difference, without[:, place])
            low, high = (None, None) if interval is None else (max(-1.0, interval[0]), min(1.0, interval[1]))
            yield TruthFigure(name, float(values[place]), len(self._images), difference, low, high)

    @cached_property
    def _table(self) -> _Table:
        return _Table.of(self._images)


@dataclass(frozen=True, eq=False)
class _Table:
    """All detections of the classes that are labelled, the best first, and which image each is of."""

    images: int
    image: NDArray[np.int64]
    classes: NDArray[np.int32]
    right: NDArray[np.bool_]
    """Shape (detections, thresholds)."""

    wrong: NDArray[np.bool_]
    true_image: NDArray[np.int64]
    true_classes: NDArray[np.int32]

    @classmethod
    def of(cls, images: Sequence[_Image]) -> _Table:
        """Of all images together, in their order."""
        scores, classes, right, wrong, true_classes = (np.concatenate(parts) for parts in zip(*images, strict=True))
        order = np.argsort(-scores, kind="stable")
        order = order[np.isin(classes[order], true_classes)]
        return cls(
            len(images),
            _numbers([image.scores for image in images])[order],
            classes[order],
            _flags(right[order]),
            _flags(wrong[order]),
            _numbers([image.true_classes for image in images]),
            true_classes,
        )

    @property
    def has_labels(self) -> bool:
        """Whether there is anything to be found."""
        return bool(self.true_classes.size)

    @cached_property
    def everything(self) -> NDArray[np.float64]:
        """The two figures over all images."""
        return np.asarray(self._figures(-1)[0])

    @cached_property
    def without_groups(self) -> NDArray[np.float64]:
        """Shape (groups, 2): the figures without the images of each group; NaN where no label is left."""
        return self._figures(*range(min(_GROUPS, self.images)))

    def _figures(self, *left_out: int) -> NDArray[np.float64]:
        precisions = np.array([self._precisions(index, left_out) for index in np.unique(self.true_classes)])
        # A class of which no label is left does not count, as in COCO.
        known = np.isfinite(precisions).all(axis=2)
        sums = np.where(known[..., None], precisions, 0.0).sum(axis=0)
        classes = known.sum(axis=0)[:, None]
        means = np.where(classes > 0, sums / np.maximum(classes, 1), np.nan)
        return np.column_stack([means.mean(axis=1), means[:, 0]])

    def _precisions(self, index: int, left_out: Sequence[int]) -> NDArray[np.float64]:
        """Of one class, without each of the groups: shape (groups, thresholds)."""
        found, true = self.classes == index, self.true_classes == index
        groups, true_groups = self.image[found] % _GROUPS, self.true_image[true] % _GROUPS
        right, wrong = self.right[found], self.wrong[found]
        precisions = np.full((len(left_out), len(THRESHOLDS)), np.nan)
        for place, group in enumerate(left_out):
            labels = int((true_groups != group).sum())
            if labels:
                kept = groups != group
                precisions[place] = _average_precisions(right[kept], wrong[kept], labels)
        return precisions


def _numbers(parts: Sequence[NDArray[Any]]) -> NDArray[np.int64]:
    """The number of the image that each element of the parts is of."""
    return np.repeat(np.arange(len(parts)), [len(part) for part in parts])


def _flags(bits: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.unpackbits(bits, axis=1, count=len(THRESHOLDS)).astype(bool)


def _best(scores: NDArray[Any], classes: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Indices of the detections, the best first, with at most so many of each class."""
    order = np.argsort(-scores.astype(np.float64), kind="stable")
    if len(order) <= most:
        return order
    by_class = np.argsort(classes[order], kind="stable")
    ordered = classes[order][by_class]
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[by_class] = np.arange(len(order)) - np.searchsorted(ordered, ordered)
    return order[ranks < most]


def _match(
    similarity: NDArray[np.float64], crowd: NDArray[np.bool_], aside: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Match the detections of one class in one image with its labels, the best detection first.

    Args:
        similarity: shape (detections, labels), the best detection first, labels that do not count last.
        crowd: shape (labels,).
        aside: shape (labels,): those that do not count.

    Returns:
        Shape (detections, thresholds) each: whether it is matched; whether it counts.
    """
    matched = np.zeros((len(similarity), len(THRESHOLDS)), dtype=bool)
    counts = np.ones_like(matched)
    rows, columns = np.nonzero(similarity >= THRESHOLDS[0])
    choices: dict[int, list[tuple[int, float]]] = {}
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        choices.setdefault(row, []).append((column, float(similarity[row, column])))
    many, out = crowd.tolist(), aside.tolist()
    for place, threshold in enumerate(THRESHOLDS.tolist()):
        free = [True] * len(many)
        for row, labels in choices.items():
            best = _choose([label for label in labels if free[label[0]] or many[label[0]]], out, threshold)
            if best is not None:
                free[best] = False
                matched[row, place], counts[row, place] = True, not out[best]
    return matched, counts


def _choose(labels: Sequence[tuple[int, float]], aside: Sequence[bool], threshold: float) -> int | None:
    """The most similar label, and of equal ones the last, as in COCO; one that does not count only without others."""
    close = [label for label in labels if label[1] >= threshold]
    counting = [label for label in close if not aside[label[0]]]
    return max(counting or close, key=lambda label: (label[1], label[0]))[0] if close else None


def _average_precisions(right: NDArray[np.bool_], wrong: NDArray[np.bool_], labels: int) -> NDArray[np.float64]:
    """Average precision at each threshold, from detections of shape (detections, thresholds), the best first.

    Recall grows at right detections only, so precision need be known only there: of the k-th it is k / (k + wrong
    ones before it), and the greatest of this and all later ones counts.
    """
    # How many right ones reach each recall.
    needed = np.maximum(np.searchsorted(np.arange(labels + 1) / labels, _RECALLS), 1)
    wrong_before = np.cumsum(wrong, axis=0)
    averages = np.zeros(right.shape[1])
    for place in range(right.shape[1]):
        positions = np.flatnonzero(right[:, place])
        ranks = np.arange(1, len(positions) + 1)
        precision = ranks / (ranks + wrong_before[positions, place])
        envelope = np.maximum.accumulate(precision[::-1])[::-1]
        averages[place] = envelope[needed[needed <= len(positions)] - 1].sum() / len(_RECALLS)
    return averages

"""F1 of the objects that two models find in the same images, over any number of images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.job.comparison import Agreement, AgreementName
from core.metrics.intervals import bootstrap, wilson
from core.metrics.matching import match


class ObjectF1:
    """Counts matched and unmatched objects of each image.

    F1 = 2 matched / (objects of the source + objects of the other), over the objects of all images together, so that an
    image with many objects weighs more than one with a single object.

    Args:
        metric: its name.
        similarity: what the similarity is called in the details: ``mean_iou``.
        threshold: least similarity of a pair.
    """

    def __init__(self, metric: AgreementName, *, similarity: str = "mean_iou", threshold: float = 0.5) -> None:
        self._metric: AgreementName = metric
        self._similarity = similarity
        self._threshold = threshold
        self._images: list[tuple[float, ...]] = []  # matched, objects of the source, of the other; sums over matched
        # of similarity and of the difference of scores

    def update(self, similarity: NDArray[np.float64], scores: NDArray[Any], other_scores: NDArray[Any]) -> float:
        """Add one image.

        Args:
            similarity: shape (n, m), of the source's objects with the other's; 0 between different classes.
            scores: shape (n,), of the source's objects.
            other_scores: shape (m,).

        Returns:
            F1 of this image; 1 where neither found anything.
        """
        pairs = match(similarity, scores, other_scores, threshold=self._threshold)
        rows, columns = pairs[:, 0], pairs[:, 1]
        drift = float((other_scores[columns].astype(np.float64) - scores[rows].astype(np.float64)).sum())
        found, others = similarity.shape
        self._images.append((len(pairs), found, others, float(similarity[rows, columns].sum()), drift))
        return 2 * len(pairs) / (found + others) if found + others else 1.0

    def compute(self, details: Mapping[str, float] | None = None) -> Agreement | None:
        """Over all images; None where neither model found anything.

        What the other finds where the source finds nothing is a disagreement. The details are ``precision`` (share of
        the other's objects that are the source's too), ``recall``, the mean similarity and ``score_drift`` (mean of the
        other's minus the source's score, both of matched objects; left out where nothing is matched), and ``found``,
        the number of the other's objects.

        Args:
            details: to be added.
        """
        images = np.array(self._images, dtype=np.float64).reshape(-1, 5)
        matched, found, others, similarity, drift = images.sum(axis=0).tolist()
        if not found + others:
            return None
        low, high = bootstrap(images[:, :3], lambda sums: _f1(sums[:, 0], sums[:, 1] + sums[:, 2]))
        if matched == found == others:
            low, _ = wilson(int(found), int(found))  # without any difference all resamples are the same
        figures = {"precision": matched / others if others else 0.0, "recall": matched / found if found else 0.0}
        if matched:
            figures |= {self._similarity: similarity / matched, "score_drift": drift / matched}
        figures |= {"found": others, **(details or {})}
        value = 2 * matched / (found + others)
        return Agreement(self._metric, value, low, high, len(images), int(found), figures)


def _f1(matched: NDArray[np.float64], objects: NDArray[np.float64]) -> NDArray[np.float64]:
    """NaN where there are no objects."""
    return np.divide(2 * matched, objects, out=np.full_like(matched, np.nan), where=objects > 0)

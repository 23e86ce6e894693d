"""Noise of the objects that a model finds, as a power: the smooth counterpart of F1."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.metrics.matching import match

_LEAST_SIMILARITY = 0.4
"""Below F1's 0.5: an object that is about to be lost has much noise, not all."""


def object_noise(
    similarity: NDArray[np.float64], scores: NDArray[Any], other_scores: NDArray[Any]
) -> tuple[float, float]:
    """Noise of the other model's objects, and power of the source's.

    The power of an object is its squared score. The noise of a matched pair is the squared difference of the scores,
    and the source's power times the square of what the similarity falls short of 1; an object without a counterpart
    is noise as a whole. No threshold decides, so that few images tell small differences, while F1 jumps.

    Args:
        similarity: shape (n, m), such as the IoU; 0 between different classes.
        scores: shape (n,), of the source's objects.
        other_scores: shape (m,).

    Returns:
        Both in squared scores, summed over the objects.
    """
    mine, theirs = scores.astype(np.float64), other_scores.astype(np.float64)
    pairs = match(similarity, mine, theirs, threshold=_LEAST_SIMILARITY)
    rows, columns = pairs[:, 0], pairs[:, 1]
    moved = np.square(mine[rows] * (1 - similarity[rows, columns]))
    of_pairs = (np.square(mine[rows] - theirs[columns]) + moved).sum()
    lost = np.square(np.delete(mine, rows)).sum() + np.square(np.delete(theirs, columns)).sum()
    return float(of_pairs + lost), float(np.square(mine).sum())

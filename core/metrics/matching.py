"""One-to-one matching of the objects that two models found in the same image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def match(
    similarity: NDArray[np.float64], scores: NDArray[Any], other_scores: NDArray[Any], *, threshold: float
) -> NDArray[np.int64]:
    """Pair objects greedily, the most similar pair first.

    By similarity and not by score, as COCO matches detections with labels, since neither set is the truth: the result
    neither depends on the order of the objects nor on which model comes first. Pairs of exactly the same similarity
    are taken in the order of the difference of their scores, then of the sum of their scores. Where those are the same
    too, the objects are in practice copies of each other, and any of them will do.

    Args:
        similarity: shape (n, m), such as the IoU; 0 where two objects are of different classes.
        scores: shape (n,).
        other_scores: shape (m,).
        threshold: least similarity of a pair, above 0.

    Returns:
        Shape (pairs, 2): indices into both sets, the most similar pair first.
    """
    rows, columns = np.nonzero(similarity >= threshold)
    a, b = scores[rows].astype(np.float64), other_scores[columns].astype(np.float64)
    order = np.lexsort((-(a + b), np.abs(a - b), -similarity[rows, columns]))
    pairs: list[tuple[int, int]] = []
    free_rows, free_columns = set(rows.tolist()), set(columns.tolist())
    for row, column in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        if row in free_rows and column in free_columns:
            free_rows.discard(row)
            free_columns.discard(column)
            pairs.append((row, column))
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def same_class(classes: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Shape (n, m): which objects of two sets are of one class."""
    return np.asarray(classes[:, None] == others[None, :])

"""Scores from logits, and the best class of each row, computed for no more rows than needed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Best = tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]
"""The rows that are kept, and for each of them the best score and its class."""


def sigmoid(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 / (1 + exp(-value)), without overflow."""
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -80, 80))), np.float32)


def logit(share: float) -> float:
    """The inverse of the sigmoid; minus or plus infinity outside 0 to 1."""
    if not 0 < share < 1:
        return -np.inf if share <= 0 else np.inf
    return float(np.log(share / (1 - share)))


def softmax(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Over the last axis."""
    exponentials = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True), np.float32)


def best_of_scores(scores: NDArray[np.float32], least: float) -> Best:
    """Rows of scores, shape (n, classes), whose best score is ``least`` or more."""
    best = scores.max(axis=1)
    kept = np.flatnonzero(best >= least)
    return kept, best[kept], scores[kept].argmax(axis=1).astype(np.int64)


def best_of_logits(logits: NDArray[np.float32], least: float) -> Best:
    """The same for logits of independent classes: only the best of each row comes as far as the exponential."""
    kept, best, classes = best_of_scores(logits, logit(least))
    return kept, sigmoid(best), classes


def best_of_softmax(logits: NDArray[np.float32], least: float, *, background: int) -> Best:
    """The same for logits of classes that exclude each other; the class ``background`` never wins, and is not counted.

    Against the background alone a class has no lower a share than against all, so rows that do not even reach
    ``least`` there need no softmax.
    """
    others = np.delete(logits, background, axis=1)
    near = np.flatnonzero(others.max(axis=1) - logits[:, background] >= logit(least) - 1e-3)
    shares = np.delete(softmax(logits[near]), background, axis=1)
    kept, best, classes = best_of_scores(shares, least)
    return near[kept], best, classes

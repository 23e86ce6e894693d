"""RetinaFace and the smaller models of the same code: corrections of prior boxes, and of five points in each."""

from __future__ import annotations

import numpy as np

from boxes import (
    Array,
    Found,
    Outputs,
    Settings,
    best_of_scores,
    best_of_softmax,
    cells,
    from_priors,
    rows,
    with_scores,
)


def decode(outputs: Outputs, size: tuple[int, int], least: float, head: Settings) -> Found:
    """The boxes with at least this score, in pixels of an input of this height and width."""
    shares = rows(outputs, (head["scores"],), 2)
    if head["activated"]:
        kept, scores, classes = best_of_scores(shares[:, 1:], least)
    else:
        kept, scores, classes = best_of_softmax(shares, least, 0)
    priors, variances = _priors(size, head)[kept], head["variances"]
    boxes = from_priors(priors, rows(outputs, (head["deltas"],), 4)[kept], variances)
    ways = rows(outputs, (head["keypoints"],), 10)[kept].reshape(-1, 5, 2)
    places = priors[:, None, :2] + ways * variances[0] * priors[:, None, 2:]
    return Found(boxes, scores, classes, points=with_scores(places.reshape(-1, 10)))


def _priors(size: tuple[int, int], head: Settings) -> Array:
    """Prior boxes cx, cy, w, h in pixels: squares of some sides about the middle of each cell of each stride."""
    levels = []
    for stride, sides in head["sides"]:
        places, _ = cells(size, (stride,), 0.5, len(sides))
        sizes = np.tile(np.array(sides, np.float32), len(places) // len(sides))[:, None]
        levels.append(np.concatenate((places, sizes, sizes), axis=1))
    return np.concatenate(levels)

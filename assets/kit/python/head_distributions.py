"""PicoDet and NanoDet: each distance of a box's side is a distribution over whole numbers of strides."""

from __future__ import annotations

import numpy as np

from boxes import Found, Outputs, Settings, best_of_scores, cells, from_distances, rows, softmax


def decode(outputs: Outputs, size: tuple[int, int], least: float, head: Settings) -> Found:
    """The boxes with at least this score, in pixels of an input of this height and width."""
    count, bins = head["class_count"], head["bins"]
    if head["merged"]:
        values = rows(outputs, (head["merged"],), count + 4 * bins)
        scores, distributions = values[:, :count], values[:, count:]
    else:
        scores = rows(outputs, head["scores"], count)
        distributions = rows(outputs, head["distributions"], 4 * bins)
    kept, best, classes = best_of_scores(scores, least)
    places, strides = cells(size, head["strides"], head["offset"])
    shares = softmax(distributions[kept].reshape(-1, 4, bins))
    distances = np.asarray(shares @ np.arange(bins, dtype=np.float32), np.float32)
    return Found(from_distances(places[kept], distances * strides[kept]), best, classes)

"""YuNet of OpenCV's model zoo: centres, sizes and five points in strides; a score is sqrt(class x objectness)."""

from __future__ import annotations

import numpy as np

from boxes import Found, Outputs, Settings, best_of_scores, cells, from_centres, rows, with_scores


def decode(outputs: Outputs, size: tuple[int, int], least: float, head: Settings) -> Found:
    """The boxes with at least this score, in pixels of an input of this height and width."""
    one, other = (np.clip(rows(outputs, names, 1), 0, 1) for names in head["scores"])
    kept, scores, classes = best_of_scores(np.sqrt(one * other), least)
    places, strides = cells(size, head["strides"], 0)
    places, strides = places[kept], strides[kept]
    boxes = from_centres(places, strides, rows(outputs, head["boxes"], 4)[kept])
    coordinates = np.tile(places, 5) + rows(outputs, head["keypoints"], 10)[kept] * strides
    return Found(boxes, scores, classes, points=with_scores(coordinates))

"""SCRFD of InsightFace: distances from the upper left corner of a cell in strides, and five points."""

from __future__ import annotations

import numpy as np

from boxes import Found, Outputs, Settings, best_of_scores, cells, from_distances, rows, with_scores


def decode(outputs: Outputs, size: tuple[int, int], least: float, head: Settings) -> Found:
    """The boxes with at least this score, in pixels of an input of this height and width."""
    kept, scores, classes = best_of_scores(rows(outputs, head["scores"], 1), least)
    places, strides = cells(size, head["strides"], 0, head["per_cell"])
    places, strides = places[kept], strides[kept]
    boxes = from_distances(places, rows(outputs, head["distances"], 4)[kept] * strides)
    if not head["keypoints"]:
        return Found(boxes, scores, classes)
    coordinates = np.tile(places, 5) + rows(outputs, head["keypoints"], 10)[kept] * strides
    return Found(boxes, scores, classes, points=with_scores(coordinates))

"""YOLOX whose graph stops before its boxes are decoded, of Megvii and of MMDetection."""

from __future__ import annotations

import numpy as np

from boxes import Array, Found, Outputs, Settings, best_of_scores, cells, from_centres, rows, sigmoid


def decode(outputs: Outputs, size: tuple[int, int], least: float, head: Settings) -> Found:
    """The boxes with at least this score, in pixels of an input of this height and width."""
    boxes, objectness, classes = _parts(outputs, head)
    objectness = objectness if head["activated"] else sigmoid(objectness)
    near = np.flatnonzero(objectness[:, 0] >= least)
    shares = classes[near] if head["activated"] else sigmoid(classes[near])
    kept, scores, labels = best_of_scores(shares * objectness[near], least)
    kept = near[kept]
    places, strides = cells(size, head["strides"], 0)
    return Found(from_centres(places[kept], strides[kept], boxes[kept]), scores, labels)


def _parts(outputs: Outputs, head: Settings) -> tuple[Array, Array, Array]:
    """Boxes, objectness and classes, one row for each cell."""
    if head["separate"]:
        boxes, objectness, classes = head["separate"]
        return rows(outputs, boxes, 4), rows(outputs, objectness, 1), rows(outputs, classes, head["class_count"])
    values = rows(outputs, head["merged"], 5 + head["class_count"])
    return values[:, :4], values[:, 4:5], values[:, 5:]

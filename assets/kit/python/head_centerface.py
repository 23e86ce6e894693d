"""CenterFace: a heatmap, and for each cell the size of the face, the place of its centre, and five points."""

from __future__ import annotations

import numpy as np

from boxes import Found, Outputs, Settings, best_of_scores, cells, exponential, rows, with_scores


def decode(outputs: Outputs, size: tuple[int, int], least: float, head: Settings) -> Found:
    """The boxes with at least this score, in pixels of an input of this height and width."""
    stride = head["stride"]
    kept, scores, classes = best_of_scores(rows(outputs, (head["heatmap"],), 1), least)
    places, _ = cells(size, (stride,), 0.5)
    sizes = exponential(rows(outputs, (head["sizes"],), 2)[kept, ::-1]) * stride
    corners = places[kept] + rows(outputs, (head["offsets"],), 2)[kept, ::-1] * stride - sizes / 2
    ways = rows(outputs, (head["keypoints"],), 10)[kept].reshape(-1, 5, 2)[:, :, ::-1]
    coordinates = (corners[:, None] + ways * sizes[:, None]).reshape(-1, 10)
    boxes = np.concatenate((corners, corners + sizes), axis=1, dtype=np.float32)
    return Found(boxes, scores, classes, points=with_scores(coordinates))

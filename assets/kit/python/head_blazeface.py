"""BlazeFace and the other detectors of MediaPipe that share its form: palms and people."""

from __future__ import annotations

import numpy as np

from boxes import Found, Outputs, Settings, best_of_logits, cells, rows, to_corners, with_scores


def decode(outputs: Outputs, size: tuple[int, int], least: float, head: Settings) -> Found:
    """The boxes with at least this score, in pixels of an input of this height and width."""
    kept, scores, classes = best_of_logits(rows(outputs, (head["logits"],), 1), least)
    grids = [cells(size, (stride,), 0.5, per_cell)[0] for stride, per_cell in head["anchors"]]
    places, values = np.concatenate(grids)[kept], rows(outputs, (head["boxes"],), head["values"])[kept]
    boxes = np.concatenate((values[:, :2] + places, values[:, 2:4]), axis=1)
    coordinates = values[:, 4:] + np.tile(places, (head["values"] - 4) // 2)
    return Found(to_corners(boxes), scores, classes, points=with_scores(coordinates))

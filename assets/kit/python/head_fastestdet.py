"""FastestDet: one grid; a score is objectness^0.6 x share^0.4, or other powers that sum to 1."""

from __future__ import annotations

import numpy as np

from boxes import Found, Outputs, Settings, best_of_scores, rows, sigmoid, to_corners


def decode(outputs: Outputs, size: tuple[int, int], least: float, head: Settings) -> Found:
    """The boxes with at least this score, in pixels of an input of this height and width."""
    values = rows(outputs, (head["output"],), 5 + head["class_count"])
    power = head["objectness_power"]
    objectness, shares = np.maximum(values[:, :1], 0) ** power, np.maximum(values[:, 5:], 0) ** (1 - power)
    kept, scores, classes = best_of_scores(np.asarray(objectness * shares, np.float32), least)
    row_count, column_count = outputs[head["output"]].shape[2:]
    cell = np.stack((kept % column_count, kept // column_count), axis=1)
    wide = np.array((size[1], size[0]), np.float32)
    centres = (cell + np.tanh(values[kept, 1:3])) / (column_count, row_count) * wide
    boxes = np.concatenate((centres, sigmoid(values[kept, 3:5]) * wide), axis=1, dtype=np.float32)
    return Found(to_corners(boxes), scores, classes)

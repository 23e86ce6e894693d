"""A detector's head whose output is a plain table, for tests of what comes after any head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.tasks.heads.base import Candidates


@dataclass(frozen=True)
class ArrayHead:
    """Rows of the output ``objects``, shape (1, n, columns): x1, y1, x2, y2, score, class, and what else there is."""

    class_count: int = 3
    nms_iou: float | None = 0.5
    default_score: float = 0.5
    points: int = 0
    """x, y, score of each follow."""

    rotated: bool = False
    """The angle follows."""

    masks: int = 0
    """Weights of so many prototypes follow, which are the output ``prototypes``, shape (1, masks, height, width)."""

    name = "Table"

    def decode(self, outputs, input_size, *, least):
        rows = outputs["objects"][0]
        rows = rows[rows[:, 4] >= least].astype(np.float32)
        rest = rows[:, 6:]
        angles, rest = (rest[:, 0], rest[:, 1:]) if self.rotated else (None, rest)
        keypoints = rest[:, : self.points * 3].reshape(len(rows), self.points, 3) if self.points else None
        weights = rest[:, self.points * 3 :] if self.masks else None
        prototypes = outputs["prototypes"][0] if self.masks else None
        return Candidates(rows[:, :4], rows[:, 4], rows[:, 5].astype(np.int64), angles, keypoints, weights, prototypes)


def table(*rows):
    """The outputs of such a model."""
    width = max((len(row) for row in rows), default=6)
    return {"objects": np.array(rows, np.float32).reshape(1, len(rows), width)}

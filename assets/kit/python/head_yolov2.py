"""YOLOv2 and Tiny-YOLOv2: one grid with several anchors a cell."""

from __future__ import annotations

import numpy as np

from boxes import (
    Found,
    Outputs,
    Settings,
    best_of_scores,
    exponential,
    logit,
    rows,
    sigmoid,
    softmax,
    to_corners,
)


def decode(outputs: Outputs, _size: tuple[int, int], least: float, head: Settings) -> Found:
    """The boxes with at least this score, in pixels of the input."""
    values = rows(outputs, (head["output"],), 5 + head["class_count"])
    near = np.flatnonzero(values[:, 4] >= logit(least))
    best, scores, classes = best_of_scores(sigmoid(values[near, 4:5]) * softmax(values[near, 5:]), least)
    kept, anchors = near[best], np.array(head["anchors"], np.float32).reshape(-1, 2)
    cell, columns = kept // len(anchors), outputs[head["output"]].shape[3]
    corner = np.stack((cell % columns, cell // columns), axis=1)
    sizes = exponential(values[kept, 2:4]) * anchors[kept % len(anchors)]
    boxes = np.concatenate((corner + sigmoid(values[kept, :2]), sizes), axis=1, dtype=np.float32)
    return Found(to_corners(boxes * head["stride"]), scores, classes)

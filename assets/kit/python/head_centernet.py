"""CenterNet: a heatmap for each class, whose peaks are the centres of objects."""

from __future__ import annotations

import numpy as np

from boxes import Array, Found, Outputs, Settings, first_image, logit, sigmoid, to_corners


def decode(outputs: Outputs, _size: tuple[int, int], least: float, head: Settings) -> Found:
    """The boxes with at least this score, in pixels of the input."""
    heatmaps = first_image(outputs[head["heatmaps"]])
    classes, y, x = _peaks(heatmaps, least if head["activated"] else logit(least))
    scores = heatmaps[classes, y, x] if head["activated"] else sigmoid(heatmaps[classes, y, x])
    offsets, sizes = first_image(outputs[head["offsets"]])[:, y, x], first_image(outputs[head["sizes"]])[:, y, x]
    boxes = np.stack((x + offsets[0], y + offsets[1], sizes[0], sizes[1]), axis=1) * np.float32(head["stride"])
    return Found(to_corners(np.asarray(boxes, np.float32)), scores, classes)


def _peaks(heatmaps: Array, least: float) -> tuple[Array, Array, Array]:
    """Class, row and column of the cells from ``least`` on that are no lower than their eight neighbours."""
    classes, y, x = np.nonzero(heatmaps >= least)
    padded = np.pad(heatmaps, ((0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    around = [padded[classes, y + down, x + right] for down in range(3) for right in range(3)]
    kept = heatmaps[classes, y, x] >= np.max(around, axis=0)
    return classes[kept], y[kept], x[kept]

"""YOLOs whose outputs are raw grids with three anchors a cell: YOLOv3, YOLOv4, YOLOv5, YOLOv7."""

from __future__ import annotations

import numpy as np

from boxes import Array, Found, Outputs, Settings, first_image, logit, sigmoid, to_corners

_ANCHORS = 3


def decode(outputs: Outputs, _size: tuple[int, int], least: float, head: Settings) -> Found:
    """The boxes with at least this score, in pixels of the input."""
    parts = [_decode_grid(_anchors_first(outputs[grid["output"]], head), grid, least, head) for grid in head["grids"]]
    boxes, scores, classes = (np.concatenate(values) for values in zip(*parts, strict=True))
    return Found(boxes, scores, classes)


def _anchors_first(tensor: Array, head: Settings) -> Array:
    """A grid as (anchors, rows, columns, values)."""
    values = first_image(tensor)
    if values.ndim == 3:
        return values.reshape(_ANCHORS, 5 + head["class_count"], *values.shape[1:]).transpose(0, 2, 3, 1)
    return values.transpose(2, 0, 1, 3) if head["anchors_last"] else values


def _decode_grid(values: Array, grid: Settings, least: float, head: Settings) -> tuple[Array, Array, Array]:
    threshold = least if head["activated"] else logit(least)
    anchor, row, column = np.nonzero(values[..., 4] >= threshold)
    chosen = values[anchor, row, column]
    confidences = chosen[:, 4:] if head["activated"] else sigmoid(chosen[:, 4:])
    scores = confidences[:, :1] * confidences[:, 1:]
    best = scores.max(axis=1)
    kept = best >= least
    anchors = np.array(grid["anchors"], np.float32).reshape(_ANCHORS, 2)[anchor[kept]]
    corner = np.stack((column[kept], row[kept]), axis=1).astype(np.float32)
    return to_corners(_boxes(chosen[kept, :4], corner, anchors, grid, head)), best[kept], scores[kept].argmax(axis=1)


def _boxes(values: Array, corner: Array, anchors: Array, grid: Settings, head: Settings) -> Array:
    """Boxes cx, cy, w, h in pixels."""
    if head["exponential"]:
        places = (sigmoid(values[:, :2]) - 0.5) * grid["stretch"] + 0.5
        sizes = np.exp(np.minimum(values[:, 2:], 20)) * anchors
    else:
        shares = values if head["activated"] else sigmoid(values)
        places, sizes = shares[:, :2] * 2 - 0.5, (shares[:, 2:] * 2) ** 2 * anchors
    return np.concatenate(((places + corner) * grid["stride"], sizes), axis=1, dtype=np.float32)

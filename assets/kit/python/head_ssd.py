"""SSDs whose outputs are corrections of prior boxes."""

from __future__ import annotations

import numpy as np

from boxes import (
    Array,
    Found,
    Outputs,
    Settings,
    best_of_logits,
    best_of_scores,
    best_of_softmax,
    from_priors,
    rows,
    to_pixels,
)


def decode(outputs: Outputs, size: tuple[int, int], least: float, head: Settings) -> Found:
    """The boxes with at least this score, in pixels of an input of this height and width."""
    kept, scores, classes = _best(rows(outputs, head["scores"], head["channels"]), least, head)
    deltas = rows(outputs, head["deltas"], 4)[kept]
    deltas = deltas[:, [1, 0, 3, 2]] if head["y_first"] else deltas
    layout = head["layout"]
    priors = to_pixels(_written(outputs[head["priors"]]), size) if layout is None else _priors(layout)
    return Found(from_priors(priors[kept], deltas, head["variances"]), scores, classes + head["first_class"])


def _best(values: Array, least: float, head: Settings) -> tuple[Array, Array, Array]:
    if head["activation"] == "softmax":
        return best_of_softmax(values, least, head["background"])
    classes = values[:, 1:] if head["background"] == 0 else values[:, :-1]
    return (best_of_logits if head["activation"] == "sigmoid" else best_of_scores)(classes, least)


def _priors(layout: Settings) -> Array:
    """Prior boxes cx, cy, w, h in pixels: the shapes of each level about the middle of each of its cells."""
    parts = []
    for level in layout["levels"]:
        y, x = np.indices((level["grid"], level["grid"]), np.float32)
        centres = (np.stack((x, y), axis=-1).reshape(-1, 2) + 0.5) * np.float32(level["step"])
        shapes = np.array(level["shapes"], np.float32)
        sizes = np.tile(shapes, (len(centres), 1))
        parts.append(np.concatenate((np.repeat(centres, len(shapes), axis=0), sizes), axis=1, dtype=np.float32))
    priors = np.concatenate(parts)
    first = layout["clipped_from"]
    priors[:, first:] = np.minimum(priors[:, first:], layout["side"])
    return priors


def _written(tensor: Array) -> Array:
    """Prior boxes from an output, as cx, cy, w, h in shares of the input; Caffe writes corners."""
    values = np.asarray(tensor, np.float32)
    if values.ndim != 3 or values.shape[:2] != (1, 2):
        return values.reshape(-1, 4)
    corners = values[0, 0].reshape(-1, 4)
    return np.concatenate(((corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]), axis=1)

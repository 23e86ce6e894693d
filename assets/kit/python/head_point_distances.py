"""RTMDet, RTMDet-Ins and FCOS: distances in pixels from the place of a cell to the sides of its box."""

from __future__ import annotations

import numpy as np

from boxes import (
    Array,
    Found,
    Outputs,
    Settings,
    best_of_logits,
    best_of_scores,
    cells,
    first_image,
    from_distances,
    rows,
    sigmoid,
)

_MASKS_AT_ONCE = 50


def decode(outputs: Outputs, size: tuple[int, int], least: float, head: Settings) -> Found:
    """The boxes with at least this score, in pixels of an input of this height and width."""
    kept, scores, classes = _best(outputs, least, head)
    if head["kernels"] and len(kept) > head["most_masks"]:
        best = np.argsort(-scores, kind="stable")[: head["most_masks"]]
        kept, scores, classes = kept[best], scores[best], classes[best]
    places, strides = cells(size, head["strides"], head["offset"])
    boxes = from_distances(places[kept], rows(outputs, head["distances"], 4)[kept])
    masks = _masks(outputs, kept, places[kept], strides[kept], head) if head["kernels"] else None
    return Found(boxes, scores, classes, mask_logits=masks)


def _best(outputs: Outputs, least: float, head: Settings) -> tuple[Array, Array, Array]:
    values = rows(outputs, head["classes"], head["class_count"])
    kept, scores, classes = (best_of_scores if head["activated"] else best_of_logits)(values, least)
    if not head["quality"]:
        return kept, scores, classes
    quality = rows(outputs, head["quality"], 1)[kept, 0]
    scores = scores * (quality if head["activated"] else sigmoid(quality))
    enough = scores >= least
    return kept[enough], scores[enough], classes[enough]


def _masks(outputs: Outputs, kept: Array, places: Array, strides: Array, head: Settings) -> Array:
    """Logits of shape (n, rows, columns) of the mask features."""
    features = first_image(outputs[head["features"]])
    width = head["mask_width"]
    inner = (len(features) + 2) * width
    splits = np.cumsum((inner, width * width, width, width, width))
    kernels = rows(outputs, head["kernels"], int(splits[-1]) + 1)[kept]
    parts = [
        _mask_logits(features, np.split(kernels[part], splits, axis=1), places[part], strides[part], head)
        for part in (slice(start, start + _MASKS_AT_ONCE) for start in range(0, len(kept), _MASKS_AT_ONCE))
    ]
    return np.concatenate(parts) if parts else np.zeros((0, *features.shape[1:]), np.float32)


def _mask_logits(features: Array, weights: list[Array], places: Array, strides: Array, head: Settings) -> Array:
    """Three convolutions of size 1 with weights of their own for each object.

    The first sees, besides the features, how far right of and below a pixel the cell lies, in eight of its strides.
    """
    count, height, width = features.shape
    y, x = np.indices((height, width), np.float32).reshape(2, 1, -1) * head["feature_stride"]
    ways = np.stack((places[:, :1] - x, places[:, 1:] - y), axis=1) / (strides[:, :, None] * 8)
    repeated = np.broadcast_to(features.reshape(1, count, -1), (len(places), count, height * width))
    first, second, last, *biases = weights
    values = np.concatenate((ways, repeated), axis=1, dtype=np.float32)
    values = np.maximum(first.reshape(-1, head["mask_width"], count + 2) @ values + biases[0][:, :, None], 0)
    values = np.maximum(second.reshape(-1, *[head["mask_width"]] * 2) @ values + biases[1][:, :, None], 0)
    values = last.reshape(-1, 1, head["mask_width"]) @ values + biases[2][:, :, None]
    return np.asarray(values.reshape(-1, height, width), np.float32)

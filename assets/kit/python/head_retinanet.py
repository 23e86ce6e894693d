"""RetinaNet and ATSS whose outputs are corrections of anchors."""

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
    from_priors,
    rows,
    sigmoid,
)


def decode(outputs: Outputs, size: tuple[int, int], least: float, head: Settings) -> Found:
    """The boxes with at least this score, in pixels of an input of this height and width."""
    values = rows(outputs, head["scores"], head["class_count"])
    kept, scores, classes = (best_of_scores if head["activated"] else best_of_logits)(values, least)
    if head["quality"]:
        quality = rows(outputs, head["quality"], 1)[kept, 0]
        scores = scores * (quality if head["activated"] else sigmoid(quality))
        enough = scores >= least
        kept, scores, classes = kept[enough], scores[enough], classes[enough]
    deltas = rows(outputs, head["deltas"], 4)[kept]
    return Found(from_priors(_anchors(size, kept, head), deltas, head["variances"]), scores, classes)


def _anchors(size: tuple[int, int], kept: Array, head: Settings) -> Array:
    """Anchors cx, cy, w, h in pixels: for each ratio of height to width each size, in strides."""
    shapes = [(side / ratio**0.5, side * ratio**0.5) for ratio in head["ratios"] for side in head["sizes"]]
    places, strides = cells(size, head["strides"], head["offset"])
    places, strides = places[kept // len(shapes)], strides[kept // len(shapes)]
    if not head["whole_pixels"]:
        sizes = np.array(shapes, np.float32)[kept % len(shapes)] * strides
    else:
        sizes = _whole_sizes(strides[:, 0], kept % len(shapes), head)
        sides = np.array((size[1], size[0]), np.float32)
        places = places / strides * (sides // np.ceil(sides / strides))
    return np.concatenate((places, sizes), axis=1, dtype=np.float32)


def _whole_sizes(strides: Array, numbers: Array, head: Settings) -> Array:
    """Width and height of anchors by their stride and their number in the cell, as torchvision computes them."""
    count = len(head["sizes"])
    sizes = np.floor(strides[:, None] * np.array(head["sizes"]))[np.arange(len(strides)), numbers % count]
    roots = np.sqrt(np.array(head["ratios"], np.float32))[numbers // count]
    half = np.stack((sizes / roots, sizes * roots), axis=1).astype(np.float32) / 2
    return np.asarray(2 * np.round(half), np.float32)

"""Masks of objects: from the grid of the model's output to run lengths in the pixels of the picture.

Run lengths are COCO's: column by column, empty and filled in turn, beginning with empty.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from boxes import Found
from preprocessing import Array, Placement

_THRESHOLD = 0.5


def picture_masks(found: Found, boxes: Array, placement: Placement) -> list[dict[str, Any]]:
    """One mask for each object, cropped to its box, which is in pixels of the picture.

    The probabilities are resized to the pixels of the picture and only then cut at 0.5, so that outlines are smooth.
    """
    logits = found.mask_logits
    if found.mask_weights is not None and found.prototypes is not None:
        logits = np.tensordot(found.mask_weights, found.prototypes, axes=1)
    assert logits is not None
    return [_mask(each, box, placement) for each, box in zip(logits, boxes.tolist(), strict=True)]


def _mask(logits: Array, box: list[float], placement: Placement) -> dict[str, Any]:
    columns, rows = (_pixels(box[axis], box[axis + 2], placement, axis) for axis in (0, 1))
    whole = np.zeros(placement.picture_size, dtype=bool)
    width, height = columns[1] - columns[0], rows[1] - rows[0]
    if width > 0 and height > 0:
        probabilities = 1 / (1 + np.exp(-np.clip(logits.astype(np.float32), -30, 30)))
        left, right = _on_grid(columns, logits.shape[1], placement, 0)
        top, bottom = _on_grid(rows, logits.shape[0], placement, 1)
        part = Image.fromarray(probabilities).resize(
            (width, height), Image.Resampling.BILINEAR, box=(left, top, right, bottom)
        )
        whole[rows[0] : rows[1], columns[0] : columns[1]] = np.asarray(part) > _THRESHOLD
    return encode(whole)


def _pixels(start: float, end: float, placement: Placement, axis: int) -> tuple[int, int]:
    """The pixels of the picture whose centres lie in the box, as far as the model's input shows them."""
    if not start < end:  # or NaN
        return 0, 0
    scale, offset = placement.scale[axis], placement.offset[axis]
    first, last = -offset / scale, (placement.input_size[1 - axis] - offset) / scale
    most = placement.picture_size[1 - axis]
    seen = max(0, math.ceil(first - 1e-3)), min(most, math.floor(last + 1e-3))
    return max(seen[0], math.ceil(start - 0.5)), min(seen[1], math.ceil(end - 0.5))


def _on_grid(pixels: tuple[int, int], cells: int, placement: Placement, axis: int) -> tuple[float, float]:
    """The same span of the picture in cells of the grid, which covers the whole input."""
    share = cells / placement.input_size[1 - axis]
    first, last = ((pixel * placement.scale[axis] + placement.offset[axis]) * share for pixel in pixels)
    return max(0.0, first), min(float(cells), last)


def encode(mask: Array) -> dict[str, Any]:
    """A mask, shape (height, width), as run lengths."""
    flat = mask.T.ravel()
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    counts = np.diff(changes, prepend=0, append=flat.size).tolist()
    return {"size": list(mask.shape), "counts": [0, *counts] if flat.size and flat[0] else counts}


def decode(mask: Mapping[str, Any]) -> Array:
    """The inverse of :func:`encode`."""
    height, width = mask["size"]
    filled = np.arange(len(mask["counts"])) % 2 == 1
    return np.repeat(filled, mask["counts"]).reshape(width, height).T

"""Instance masks: from the grid of the model's output to run-length encoded masks of the size of the image."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.preprocessing import Placement
from core.tasks.heads.base import Candidates
from core.tasks.predictions import Mask

_THRESHOLD = 0.5

_Span = tuple[int, int]
"""First pixel and the one behind the last."""


def image_masks(candidates: Candidates, boxes: NDArray[np.float32], placement: Placement) -> tuple[Mask, ...] | None:
    """One mask for each candidate, cropped to its box; None for heads without masks.

    The probabilities are resized (bilinear) to the pixels of the image and only then cut at 0.5, so that outlines are
    smooth however coarse the grid is. Only the part inside the box is computed.

    Args:
        candidates: with ``mask_weights`` and ``prototypes``, or ``mask_logits``.
        boxes: shape (candidates, 4): theirs in pixels of the image.
        placement: where the image lies in the model's input.
    """
    logits = _logits_of(candidates)
    if logits is None:
        return None
    return tuple(_image_mask(each, box, placement) for each, box in zip(logits, boxes.tolist(), strict=True))


def encode(mask: NDArray[np.bool_], corner: tuple[int, int], size: tuple[int, int]) -> Mask:
    """Encode a mask of which only a part is given, without making the whole: as :func:`pycocotools.mask.encode`.

    Args:
        mask: shape (height, width), the part.
        corner: row and column of its upper left pixel.
        size: height and width of the whole mask.
    """
    from pycocotools import mask as rle

    # COCO counts column by column: where each run of pixels begins and ends in that order.
    padded = np.pad(mask.T, ((0, 0), (1, 1)))
    changes = np.flatnonzero(padded[:, 1:] != padded[:, :-1])
    columns, rows = np.divmod(changes, mask.shape[0] + 1)
    ends, times = np.unique((corner[1] + columns) * size[0] + corner[0] + rows, return_counts=True)
    # Where one run ends and another begins, at the edge between two columns, they are one.
    counts = np.diff(ends[times == 1], prepend=0, append=size[0] * size[1]).tolist()
    if len(counts) > 1 and not counts[-1]:
        del counts[-1]  # a mask that ends with the last pixel
    encoded: Mask = rle.frPyObjects({"size": list(size), "counts": counts}, *size)
    return encoded


def _logits_of(candidates: Candidates) -> NDArray[np.float32] | None:
    """Of every candidate: shape (candidates, height, width)."""
    weights, prototypes = candidates.mask_weights, candidates.prototypes
    if weights is None or prototypes is None:
        return candidates.mask_logits
    return np.asarray(np.tensordot(weights, prototypes, axes=1))


def _image_mask(logits: NDArray[np.float32], box: list[float], placement: Placement) -> Mask:
    columns, rows = (_pixels(box[axis], box[axis + 2], placement, axis) for axis in (0, 1))
    width, height = columns[1] - columns[0], rows[1] - rows[0]
    if width <= 0 or height <= 0:
        return encode(np.zeros((0, 0), dtype=bool), (0, 0), placement.image_size)
    probabilities = 1 / (1 + np.exp(-np.clip(logits.astype(np.float32), -30, 30)))
    left, right = _on_grid(columns, logits.shape[1], placement, 0)
    top, bottom = _on_grid(rows, logits.shape[0], placement, 1)
    part = Image.fromarray(probabilities).resize(
        (width, height), Image.Resampling.BILINEAR, box=(left, top, right, bottom)
    )
    return encode(np.asarray(part) > _THRESHOLD, (rows[0], columns[0]), placement.image_size)


def _pixels(start: float, end: float, placement: Placement, axis: int) -> _Span:
    """The pixels of the image whose centres lie in the box, as far as the model's input shows them."""
    if not start < end:  # or NaN
        return 0, 0
    scale, offset = placement.scale[axis], placement.offset[axis]
    first, last = -offset / scale, (placement.input_size[1 - axis] - offset) / scale
    most = placement.image_size[1 - axis]
    seen = max(0, math.ceil(first - 1e-3)), min(most, math.floor(last + 1e-3))
    return max(seen[0], math.ceil(start - 0.5)), min(seen[1], math.ceil(end - 0.5))


def _on_grid(pixels: _Span, cells: int, placement: Placement, axis: int) -> tuple[float, float]:
    """The same span of the image in cells of the grid, which covers the whole input."""
    share = cells / placement.input_size[1 - axis]
    first, last = ((pixel * placement.scale[axis] + placement.offset[axis]) * share for pixel in pixels)
    return max(0.0, first), min(float(cells), last)

"""Conversions between the ways in which detectors write boxes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_LARGEST_SHARE = 1.5
"""Boxes in shares of the input may reach a little over its edge; a pixel coordinate is nearly always larger."""


def to_corners(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Boxes cx, cy, w, h of shape (n, 4) as x1, y1, x2, y2."""
    half = boxes[:, 2:4] / 2
    return np.concatenate((boxes[:, :2] - half, boxes[:, :2] + half), axis=1, dtype=np.float32)


def to_pixels(boxes: NDArray[np.float32], input_size: tuple[int, int]) -> NDArray[np.float32]:
    """Boxes in shares of the input, shape (n, 4) with x before y, in pixels.

    Args:
        boxes: x1, y1, x2, y2 or cx, cy, w, h, 0 to 1.
        input_size: height and width of the model's input.
    """
    height, width = input_size
    return boxes * np.array((width, height, width, height), np.float32)


def x_first(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Boxes y1, x1, y2, x2 of shape (n, 4), as TensorFlow writes them, as x1, y1, x2, y2."""
    return boxes[:, [1, 0, 3, 2]]


def are_shares(coordinates: NDArray[np.float32]) -> bool:
    """Whether coordinates are shares of the input, not pixels.

    Zeros do not count, as models fill up missing boxes with them. A quarter of the others above 1.5 means pixels. Where
    there is nothing to go by they are pixels.
    """
    sizes = np.abs(coordinates[coordinates != 0])
    return sizes.size > 0 and float(np.quantile(sizes, 0.75)) <= _LARGEST_SHARE

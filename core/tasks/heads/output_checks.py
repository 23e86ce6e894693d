"""What the recognisers of several families ask of outputs, and how heads read one."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray

from core.runtimes.predictor import Tensor
from core.tasks.base import Evidence

STRIDES = ((8, 16, 32), (8, 16, 32, 64), (4, 8, 16, 32), (16, 32))
"""Pixels of the input for each cell of the grids: usual models, those with a P6 or a P2 level, tiny ones."""

_ROUNDING = 1e-3
_LARGEST_EXTENT = 8


def first_image(tensor: Tensor) -> NDArray[np.float32]:
    """The part of the first image of the batch, in 32 bit."""
    return np.asarray(tensor[0], dtype=np.float32)


def samples(evidence: Evidence, name: str) -> list[NDArray[np.float32]]:
    """One output of a batch of images, of the first image, for each sample."""
    return [first_image(outputs[name]) for outputs in evidence.outputs]


def names_of_rank(evidence: Evidence, rank: int) -> list[str]:
    """The outputs with so many axes, in the model's order."""
    return [name for name, tensor in evidence.outputs[0].items() if tensor.ndim == rank]


def cells(input_size: tuple[int, int], strides: Sequence[int]) -> int:
    """Number of cells of all grids together; strided convolutions round up."""
    return sum(ceil(input_size[0] / stride) * ceil(input_size[1] / stride) for stride in strides)


def fits_grids(count: int, input_size: tuple[int, int], *, per_cell: int = 1) -> bool:
    """Whether so many boxes are those of the grids of an usual YOLO, ``per_cell`` for each cell."""
    return any(count == per_cell * cells(input_size, strides) for strides in STRIDES)


def are_scores(values: NDArray[np.float32]) -> bool:
    """Whether all values lie in 0 to 1."""
    return values.size > 0 and bool(((values >= -_ROUNDING) & (values <= 1 + _ROUNDING)).all())


def are_distributions(rows: NDArray[np.float32]) -> bool:
    """Whether all rows, shape (n, values), sum up to 1, as the probabilities of text recognition do."""
    return bool((np.abs(rows.sum(axis=1) - 1) < 1e-2).all())


def are_whole(values: NDArray[np.float32]) -> bool:
    """Whether all values are whole numbers from 0, as classes are; -1 stands for none in some models."""
    return values.size > 0 and bool(((values >= -1) & (values == np.rint(values))).all())


def are_corners(boxes: NDArray[np.float32], least_share: float = 0.99) -> bool:
    """Whether the boxes, shape (n, 4), read as x1, y1, x2, y2, have no negative width or height, but for a few."""
    return len(boxes) > 0 and float((boxes[:, 2:] >= boxes[:, :2]).all(axis=1).mean()) >= least_share


def are_centres(boxes: NDArray[np.float32], size: tuple[float, float]) -> bool:
    """Whether the boxes, shape (n, 4), can be cx, cy, w, h in an image of this height and width, but for a few.

    Centres may lie outside by a quarter; boxes are not all empty, and not more than eight times as large as the image:
    those of untrained models can be as large as that in small images.
    """
    wide = np.array((size[1], size[0]), np.float32)
    centres, extents = boxes[:, :2] / wide, boxes[:, 2:] / wide
    plausible = ((centres > -0.25) & (centres < 1.25) & (extents >= 0) & (extents < _LARGEST_EXTENT)).all(axis=1)
    return len(boxes) > 0 and float(plausible.mean()) >= 0.99 and bool((extents > 0).any())


def follow_cells(centres: NDArray[np.float32], input_size: tuple[int, int]) -> bool:
    """Whether centres, shape (n, 2), one for each cell of the grids, lie where their cells lie: the boxes are decoded.

    Before that, they are offsets from the cells, which have little to do with the place in the image. The grids may
    come in either order.
    """
    for strides in STRIDES:
        if len(centres) == cells(input_size, strides):
            orders = [_cell_centres(input_size, order) for order in (strides, strides[::-1])]
            return any(all(_correlation(centres[:, axis], order[:, axis]) > 0.5 for axis in (0, 1)) for order in orders)
    return False


def _cell_centres(input_size: tuple[int, int], strides: Sequence[int]) -> NDArray[np.float32]:
    """In pixels, x before y, row by row, grid by grid."""
    parts = []
    for stride in strides:
        y, x = np.indices((ceil(input_size[0] / stride), ceil(input_size[1] / stride)))
        parts.append(np.stack((x.ravel(), y.ravel()), axis=1) * stride + stride / 2)
    return np.concatenate(parts, dtype=np.float32)


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    one, other = one - one.mean(), other - other.mean()
    return float((one * other).sum() / (np.sqrt((one**2).sum() * (other**2).sum()) + 1e-9))

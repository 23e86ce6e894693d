"""Grids of cells: which outputs belong to which stride, where the cells lie, and boxes from what is said about them.

Cells are counted stride by stride, row by row; where a cell has several boxes these follow each other. Strided
convolutions round up, so an input of 100 pixels has 13 cells of 8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil

import numpy as np
from numpy.typing import NDArray

from core.runtimes.predictor import Tensor
from core.tasks.heads.output_checks import cells as cell_count
from core.tasks.heads.output_checks import first_image

_STRIDES = (4, 8, 16, 32, 64, 128)
_LARGEST_LOGARITHM = 10.0
"""Of a size: exp(10) times an anchor or a stride is larger than any image, and stays finite."""


@dataclass(frozen=True)
class Pyramid:
    """Outputs of the same kinds for each of several strides."""

    strides: tuple[int, ...]
    """In pixels of the input, ascending."""

    groups: tuple[tuple[str, ...], ...]
    """For each kind the names of its outputs, one for each stride."""

    channels: tuple[int, ...]
    """For each kind the number of values of a cell."""


def pyramid(outputs: Mapping[str, Tensor], input_size: tuple[int, int], *, per_cell: int = 1) -> Pyramid | None:
    """Sort outputs by stride and kind; kinds are in the order of the outputs of one stride.

    Args:
        outputs: of shape (1, values, rows, columns), or (1, n, values) or (n, values) with n boxes.
        input_size: height and width of the model's input.
        per_cell: boxes of a cell, where an output has the second or third shape.

    Returns:
        None where an output fits no stride, or strides have different outputs or do not follow each other.
    """
    by_stride: dict[int, list[str]] = {}
    for name, tensor in outputs.items():
        stride = _stride(tensor.shape, input_size, per_cell)
        if stride is None:
            return None
        by_stride.setdefault(stride, []).append(name)
    strides = tuple(sorted(by_stride))
    channels = {tuple(_channels(outputs[name].shape) for name in names) for names in by_stride.values()}
    if len(channels) != 1 or len(strides) < 2 or any(b != 2 * a for a, b in pairwise(strides)):
        return None
    return Pyramid(strides, tuple(zip(*(by_stride[stride] for stride in strides), strict=True)), channels.pop())


def _stride(shape: tuple[int, ...], input_size: tuple[int, int], per_cell: int) -> int | None:
    for stride in _STRIDES:
        grid = _grid(input_size, stride)
        if (len(shape) == 4 and shape[2:] == grid) or (
            len(shape) in (2, 3) and shape[-2] == per_cell * grid[0] * grid[1]
        ):
            return stride
    return None


def _channels(shape: tuple[int, ...]) -> int:
    return shape[1] if len(shape) == 4 else shape[-1]


def _grid(input_size: tuple[int, int], stride: int) -> tuple[int, int]:
    """Rows and columns."""
    return ceil(input_size[0] / stride), ceil(input_size[1] / stride)


def fitting_strides(
    tensor: Tensor, input_size: tuple[int, int], choices: Sequence[tuple[int, ...]]
) -> tuple[int, ...] | None:
    """The first strides whose grids together have as many cells as a tensor (1, cells, values); None if none have."""
    if tensor.ndim != 3:
        return None
    return next((strides for strides in choices if tensor.shape[1] == cell_count(input_size, strides)), None)


def rows(outputs: Mapping[str, Tensor], names: Sequence[str], values: int) -> NDArray[np.float32]:
    """Outputs of several strides one after another, of shape (n, values).

    Args:
        outputs: of the model.
        names: of outputs of shape (1, boxes of a cell x values, rows, columns), (1, n, values) or (n, values).
        values: of a box.
    """
    return np.concatenate([_rows(outputs[name], values) for name in names])


def _rows(tensor: Tensor, values: int) -> NDArray[np.float32]:
    if tensor.ndim < 4:
        return np.asarray(tensor, np.float32).reshape(-1, values) if tensor.ndim == 2 else first_image(tensor)
    maps = first_image(tensor)
    return maps.reshape(-1, values, maps.shape[1] * maps.shape[2]).transpose(2, 0, 1).reshape(-1, values)


def points(
    input_size: tuple[int, int], strides: Sequence[int], *, offset: float, per_cell: int = 1
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The place of each cell, shape (n, 2), x before y, and its stride, shape (n, 1), in pixels.

    Args:
        input_size: height and width of the model's input.
        strides: in the order of the outputs.
        offset: of the place in its cell: 0.5 for the middle, 0 for the upper left corner.
        per_cell: how often each cell is repeated.
    """
    places, sizes = [], []
    for stride in strides:
        y, x = np.indices(_grid(input_size, stride), np.float32)
        cells = (np.stack((x, y), axis=-1).reshape(-1, 2) + np.float32(offset)) * np.float32(stride)
        places.append(np.repeat(cells, per_cell, axis=0))
        sizes.append(np.full((len(places[-1]), 1), stride, np.float32))
    return np.concatenate(places), np.concatenate(sizes)


def from_distances(places: NDArray[np.float32], distances: NDArray[np.float32]) -> NDArray[np.float32]:
    """Boxes by the distances of their left, top, right and bottom sides from a place, as corners, shape (n, 4)."""
    return np.concatenate((places - distances[:, :2], places + distances[:, 2:]), axis=1, dtype=np.float32)


def from_centres(
    places: NDArray[np.float32], strides: NDArray[np.float32], values: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Boxes by the shift of their centre and the logarithm of their size, in strides, as corners, shape (n, 4)."""
    centres = places + values[:, :2] * strides
    half = exponential(values[:, 2:4]) * strides / 2
    return np.concatenate((centres - half, centres + half), axis=1, dtype=np.float32)


def from_priors(
    priors: NDArray[np.float32], deltas: NDArray[np.float32], variances: tuple[float, float]
) -> NDArray[np.float32]:
    """Boxes by their deltas from prior boxes (anchors), as corners, shape (n, 4).

    Args:
        priors: cx, cy, w, h in pixels.
        deltas: of the centre in sizes of the prior, and logarithms of the ratio of sizes, shape (n, 4).
        variances: by which the former and the latter are multiplied.
    """
    centres = priors[:, :2] + deltas[:, :2] * variances[0] * priors[:, 2:]
    half = priors[:, 2:] * exponential(deltas[:, 2:] * variances[1]) / 2
    return np.concatenate((centres - half, centres + half), axis=1, dtype=np.float32)


def exponential(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of logarithms of sizes, without overflow."""
    return np.asarray(np.exp(np.minimum(values, _LARGEST_LOGARITHM)), np.float32)


def with_scores(coordinates: NDArray[np.float32]) -> NDArray[np.float32]:
    """Keypoints x, y, x, y ... of shape (n, 2 x points) as (n, points, 3), each with a score of 1."""
    places = coordinates.reshape(len(coordinates), coordinates.shape[1] // 2, 2)
    return np.concatenate((places, np.ones((*places.shape[:2], 1), np.float32)), axis=2, dtype=np.float32)

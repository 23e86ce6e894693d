"""Outlines of masks with few points, for drawing."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.tasks.predictions import Mask

Point = tuple[float, float]
"""x, y."""

Ring = list[Point]
"""A closed line; the first point is not repeated."""

_CELLS = 64
"""The longer side of a mask is drawn with at most so many steps."""

_TOLERANCE = 0.6
"""By how many steps a point may be off when others are left out."""

_MOST_RINGS = 8
_LEAST_AREA = 0.02
"""Of the largest ring; smaller ones are specks."""


def outlines(mask: Mask) -> list[Ring]:
    """The rings around the parts of a mask and around their holes, in pixels of the image; the largest first.

    Fill them with the even-odd rule. They go through the middles of the edges of the pixels of a smaller copy, which
    makes diagonals out of stairs, thinned out (Douglas and Peucker, 1973).
    """
    from pycocotools import mask as rle

    left, top, width, height = (int(number) for number in rle.toBbox(mask))
    if not width or not height:
        return []
    part = rle.decode(mask)[top : top + height, left : left + width]
    shrink = max(1.0, max(width, height) / _CELLS)
    cells = max(1, round(width / shrink)), max(1, round(height / shrink))
    small = np.asarray(Image.fromarray(part * 255).resize(cells, Image.Resampling.BOX)) >= 128
    rings = sorted(_rings(small), key=_area, reverse=True) or [[(0, 0), (cells[0], 0), cells, (0, cells[1])]]
    large = [ring for ring in rings if _area(ring) >= _LEAST_AREA * _area(rings[0])][:_MOST_RINGS]
    steps = width / cells[0], height / cells[1]
    return [[(left + x * steps[0], top + y * steps[1]) for x, y in _thinned(ring)] for ring in large]


def _rings(cells: NDArray[np.bool_]) -> list[Ring]:
    """Walk along the edges between set and empty cells, the set ones on the right, from middle to middle."""
    following = _edges(cells)
    rings = []
    while following:
        start = point = next(iter(following))
        ring: Ring = []
        while point != start or not ring:
            ends = following[point]
            end = ends.pop()
            if not ends:
                del following[point]
            ring.append(((point[0] + end[0]) / 2, (point[1] + end[1]) / 2))
            point = end
        rings.append(ring)
    return rings


def _edges(cells: NDArray[np.bool_]) -> dict[Point, list[Point]]:
    """From each corner of a cell to the next ones."""
    padded = np.pad(cells, 1)
    inner = padded[1:-1, 1:-1]
    sides = (  # the neighbour, and corners of the cell as x, y
        (padded[:-2, 1:-1], (0, 0), (1, 0)),
        (padded[1:-1, 2:], (1, 0), (1, 1)),
        (padded[2:, 1:-1], (1, 1), (0, 1)),
        (padded[1:-1, :-2], (0, 1), (0, 0)),
    )
    following: dict[Point, list[Point]] = {}
    for neighbour, start, end in sides:
        for row, column in np.argwhere(inner & ~neighbour).tolist():
            following.setdefault((column + start[0], row + start[1]), []).append((column + end[0], row + end[1]))
    return following


def _area(ring: Ring) -> float:
    after = [*ring[1:], ring[0]]
    return abs(sum(a[0] * b[1] - a[1] * b[0] for a, b in zip(ring, after, strict=True))) / 2


def _thinned(ring: Ring) -> Ring:
    """Halved at the point that is farthest from the first one; small rings keep a corner more than they need."""
    farthest = max(range(len(ring)), key=lambda index: math.dist(ring[0], ring[index]))
    thinned = _thinned_line(ring[: farthest + 1])[:-1] + _thinned_line([*ring[farthest:], ring[0]])[:-1]
    return thinned if len(thinned) > 2 else ring


def _thinned_line(line: Ring) -> Ring:
    """Only the ends, if everything between lies near the straight line; else both parts at the farthest point."""
    points = np.array(line, dtype=np.float64)
    along = points[-1] - points[0]
    offsets = points - points[0]
    distances = np.abs(along[0] * offsets[:, 1] - along[1] * offsets[:, 0]) / max(math.hypot(*along), 1e-9)
    farthest = int(distances.argmax())
    if len(line) < 3 or distances[farthest] <= _TOLERANCE:
        return [line[0], line[-1]]
    return _thinned_line(line[: farthest + 1])[:-1] + _thinned_line(line[farthest:])

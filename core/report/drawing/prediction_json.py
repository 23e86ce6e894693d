"""Predictions as ``gallery.json`` holds them, read for drawing and comparing; the kinds are in core.tasks.base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Point: TypeAlias = tuple[float, ...]
"""x and y in pixels of the picture; of keypoints the score too."""


@dataclass(frozen=True)
class FoundObject:
    """One object of a prediction."""

    index: int
    """In the prediction."""

    box: tuple[float, float, float, float]
    """x1, y1, x2, y2 in pixels of the picture."""

    score: float
    class_index: int
    angle: float = 0.0
    """Of a rotated box, in radians clockwise."""

    points: tuple[Point, ...] = ()
    """x, y and score."""

    rings: tuple[tuple[Point, ...], ...] = ()
    """The outlines of its mask."""


def read_objects(prediction: Mapping[str, Any], score: float) -> tuple[FoundObject, ...]:
    """The objects of a prediction with at least this score.

    Raises:
        ValueError: the prediction is damaged.
        TypeError: the prediction is damaged.
    """
    boxes = _table(prediction.get("boxes", ()), 4)
    scores = _numbers(prediction.get("scores", ()), len(boxes))
    classes = _numbers(prediction.get("classes", ()), len(boxes))
    angles = _optional(prediction, "angles", len(boxes))
    keypoints = _optional(prediction, "keypoints", len(boxes))
    polygons = _optional(prediction, "polygons", len(boxes))
    corners, values, indices = boxes.tolist(), scores.tolist(), classes.astype(np.int64).tolist()
    return tuple(
        FoundObject(
            index,
            (x1, y1, x2, y2),
            values[index],
            indices[index],
            float(angles[index] or 0.0),
            _points(keypoints[index] or ()),
            tuple(_points(ring) for ring in polygons[index] or ()),
        )
        for index, (x1, y1, x2, y2) in enumerate(corners)
        if values[index] >= score
    )


def read_points(prediction: Mapping[str, Any]) -> tuple[Point, ...]:
    """The points of a prediction of one body, face or hand: x, y, score.

    Raises:
        ValueError: the prediction is damaged.
        TypeError: the prediction is damaged.
    """
    points = _table(prediction.get("points", ()), 2)
    scores = _numbers(prediction.get("scores", ()), len(points))
    return tuple((float(x), float(y), float(score)) for (x, y), score in zip(points, scores, strict=True))


def _optional(prediction: Mapping[str, Any], key: str, count: int) -> Sequence[Any]:
    found = prediction.get(key) or [None] * count
    if len(found) != count:
        raise ValueError(f"{len(found)} {key} for {count} objects")
    return list(found)


def _points(rows: Sequence[Sequence[float]]) -> tuple[Point, ...]:
    return tuple(tuple(float(value) for value in row) for row in rows)


def _table(rows: Any, columns: int) -> NDArray[np.float64]:
    return _finite(np.asarray(rows, np.float64).reshape(-1, columns))


def _numbers(values: Any, count: int) -> NDArray[np.float64]:
    return _finite(np.asarray(values, np.float64).reshape(count))


def _finite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    if not np.isfinite(values).all():
        raise ValueError("a number is not finite")
    return values

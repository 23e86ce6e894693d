"""Arithmetic that the heads of detectors share: scores from logits, grids of cells, box formats, suppression.

Boxes are arrays of shape (n, 4): x1, y1, x2, y2 in pixels of the model's input, unless a function says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Outputs = Mapping[str, Array]
Settings = Mapping[str, Any]

LARGEST_LOGARITHM = 10.0
"""Of a size: exp(10) times an anchor or a stride is larger than any picture, and stays finite."""

_TINY = 1e-7
_LARGEST_DISTANCE = 100.0


@dataclass(frozen=True, eq=False)
class Found:
    """Boxes with their best class."""

    boxes: Array
    scores: Array
    """Shape (n,), 0 to 1."""

    classes: Array
    """Shape (n,), whole numbers."""

    angles: Array | None = None
    """Rotated boxes: shape (n,), radians clockwise about the centre of the box."""

    points: Array | None = None
    """Shape (n, points, 3): x, y and the score of the point."""

    mask_weights: Array | None = None
    """Shape (n, prototypes): a mask is sigmoid(weights @ prototypes) above 0.5."""

    prototypes: Array | None = None
    """Shape (prototypes, height, width), over the whole input."""

    mask_logits: Array | None = None
    """Instead of these two: shape (n, height, width), over the whole input."""

    def take(self, chosen: Array) -> Found:
        """Those of these indices, in this order."""

        def some(values: Array | None) -> Array | None:
            return None if values is None else values[chosen]

        return replace(
            self,
            boxes=self.boxes[chosen],
            scores=self.scores[chosen],
            classes=self.classes[chosen],
            angles=some(self.angles),
            points=some(self.points),
            mask_weights=some(self.mask_weights),
            mask_logits=some(self.mask_logits),
        )


def first_image(tensor: Array) -> Array:
    """The part of the first picture of the batch, in 32 bit."""
    return np.asarray(tensor[0], np.float32)


def sigmoid(values: Array) -> Array:
    """1 / (1 + exp(-value)), without overflow."""
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -80, 80))), np.float32)


def logit(share: float) -> float:
    """The inverse of the sigmoid; minus or plus infinity outside 0 to 1."""
    if not 0 < share < 1:
        return -np.inf if share <= 0 else np.inf
    return float(np.log(share / (1 - share)))


def softmax(values: Array) -> Array:
    """Over the last axis."""
    exponentials = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True), np.float32)


def best_of_scores(scores: Array, least: float) -> tuple[Array, Array, Array]:
    """The rows whose best score is ``least`` or more, that score, and its class; ``scores`` is (n, classes)."""
    best = scores.max(axis=1)
    kept = np.flatnonzero(best >= least)
    return kept, best[kept], scores[kept].argmax(axis=1)


def best_of_logits(logits: Array, least: float) -> tuple[Array, Array, Array]:
    """The same for logits of independent classes."""
    kept, best, classes = best_of_scores(logits, logit(least))
    return kept, sigmoid(best), classes


def best_of_softmax(logits: Array, least: float, background: int) -> tuple[Array, Array, Array]:
    """The same for logits of classes that exclude each other; the class ``background`` is left out."""
    return best_of_scores(np.delete(softmax(logits), background, axis=1), least)


def to_corners(boxes: Array) -> Array:
    """Boxes cx, cy, w, h as x1, y1, x2, y2."""
    half = boxes[:, 2:4] / 2
    return np.concatenate((boxes[:, :2] - half, boxes[:, :2] + half), axis=1, dtype=np.float32)


def to_pixels(boxes: Array, size: tuple[int, int]) -> Array:
    """Boxes in shares of an input of this height and width, in pixels."""
    height, width = size
    return boxes * np.array((width, height, width, height), np.float32)


def rows(outputs: Outputs, names: Sequence[str], values: int) -> Array:
    """Outputs of several strides one after another, as a table of ``values`` columns.

    Each is (1, boxes of a cell x values, rows, columns), (1, n, values) or (n, values).
    """
    return np.concatenate([_rows(outputs[name], values) for name in names])


def _rows(tensor: Array, values: int) -> Array:
    if tensor.ndim < 4:
        return np.asarray(tensor, np.float32).reshape(-1, values) if tensor.ndim == 2 else first_image(tensor)
    maps = first_image(tensor)
    return maps.reshape(-1, values, maps.shape[1] * maps.shape[2]).transpose(2, 0, 1).reshape(-1, values)


def cells(size: tuple[int, int], strides: Sequence[int], offset: float, per_cell: int = 1) -> tuple[Array, Array]:
    """The place of each cell, (n, 2) as x, y, and its stride, (n, 1), in pixels.

    Stride by stride, row by row; ``offset`` is 0.5 for the middle of a cell, 0 for its upper left corner.
    """
    places, sizes = [], []
    for stride in strides:
        y, x = np.indices((ceil(size[0] / stride), ceil(size[1] / stride)), np.float32)
        grid = (np.stack((x, y), axis=-1).reshape(-1, 2) + np.float32(offset)) * np.float32(stride)
        places.append(np.repeat(grid, per_cell, axis=0))
        sizes.append(np.full((len(places[-1]), 1), stride, np.float32))
    return np.concatenate(places), np.concatenate(sizes)


def from_distances(places: Array, distances: Array) -> Array:
    """Boxes by the distances of their left, top, right and bottom sides from a place."""
    return np.concatenate((places - distances[:, :2], places + distances[:, 2:]), axis=1, dtype=np.float32)


def from_centres(places: Array, strides: Array, values: Array) -> Array:
    """Boxes by the shift of their centre and the logarithm of their size, in strides."""
    centres = places + values[:, :2] * strides
    half = exponential(values[:, 2:4]) * strides / 2
    return np.concatenate((centres - half, centres + half), axis=1, dtype=np.float32)


def from_priors(priors: Array, deltas: Array, variances: Sequence[float]) -> Array:
    """Boxes by their deltas from prior boxes (anchors), which are cx, cy, w, h in pixels."""
    centres = priors[:, :2] + deltas[:, :2] * variances[0] * priors[:, 2:]
    half = priors[:, 2:] * exponential(deltas[:, 2:] * variances[1]) / 2
    return np.concatenate((centres - half, centres + half), axis=1, dtype=np.float32)


def exponential(values: Array) -> Array:
    """Of logarithms of sizes, without overflow."""
    return np.asarray(np.exp(np.minimum(values, LARGEST_LOGARITHM)), np.float32)


def with_scores(coordinates: Array) -> Array:
    """Points x, y, x, y ... of shape (n, 2 x points) as (n, points, 3), each with a score of 1."""
    places = coordinates.reshape(len(coordinates), coordinates.shape[1] // 2, 2)
    return np.concatenate((places, np.ones((*places.shape[:2], 1), np.float32)), axis=2, dtype=np.float32)


def extra_fields(extras: Settings, values: Array, outputs: Outputs) -> dict[str, Array]:
    """What follows boxes and scores in Ultralytics' outputs, shape (n, count), as fields of :class:`Found`."""
    if extras["kind"] == "masks":
        return {"mask_weights": values, "prototypes": first_image(outputs[extras["prototypes"]])}
    if extras["kind"] == "angle":
        return {"angles": values[:, 0]}
    if extras["kind"] == "keypoints":
        size = extras["point_size"]
        points = values.reshape(len(values), extras["count"] // size, size)
        return {"points": np.pad(points, ((0, 0), (0, 0), (0, 3 - size)), constant_values=1)}
    return {}


def extras_to_pixels(extras: Settings, values: Array, size: tuple[int, int]) -> Array:
    """The same values with points in pixels, which were shares of an input of this height and width."""
    if extras["kind"] != "keypoints":
        return values
    scale = np.array((size[1], size[0], 1), np.float32)[: extras["point_size"]]
    return values * np.tile(scale, extras["count"] // extras["point_size"])


def suppress(found: Found, iou: float, most: int) -> Found:
    """Greedy non-maximum suppression: boxes that overlap a better one of their class by more than ``iou`` go.

    The overlap of rotated boxes is ProbIoU (Llerena et al., 2021).
    """
    overlap = _plain_overlap(found.boxes) if found.angles is None else _rotated_overlap(found.boxes, found.angles)
    remaining = np.argsort(-found.scores, kind="stable")
    kept: list[int] = []
    while len(remaining) and len(kept) < most:
        best, remaining = int(remaining[0]), remaining[1:]
        kept.append(best)
        same_class = found.classes[remaining] == found.classes[best]
        remaining = remaining[~(same_class & (overlap(best, remaining) > iou))]
    return found.take(np.array(kept, np.int64))


def _plain_overlap(boxes: Array) -> Callable[[int, Array], Array]:
    x1, y1, x2, y2 = np.ascontiguousarray(boxes.T)
    areas = np.maximum(x2 - x1, 0) * np.maximum(y2 - y1, 0)

    def overlap(one: int, others: Array) -> Array:
        width = np.minimum(x2[others], x2[one]) - np.maximum(x1[others], x1[one])
        height = np.minimum(y2[others], y2[one]) - np.maximum(y1[others], y1[one])
        common = np.maximum(width, 0) * np.maximum(height, 0)
        return np.asarray(common / np.maximum(areas[others] + areas[one] - common, _TINY))

    return overlap


def _rotated_overlap(boxes: Array, angles: Array) -> Callable[[int, Array], Array]:
    """ProbIoU: 1 - the Hellinger distance of the Gaussian distributions that the boxes stand for."""
    x1, y1, x2, y2 = boxes.T.astype(np.float64)
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    along, across = (x2 - x1) ** 2 / 12, (y2 - y1) ** 2 / 12
    cos, sin = np.cos(angles.astype(np.float64)), np.sin(angles.astype(np.float64))
    a, b, c = along * cos**2 + across * sin**2, along * sin**2 + across * cos**2, (along - across) * cos * sin
    determinants = np.maximum(a * b - c**2, 0)

    def overlap(one: int, others: Array) -> Array:
        dx, dy = x[others] - x[one], y[others] - y[one]
        sum_a, sum_b, sum_c = a[others] + a[one], b[others] + b[one], c[others] + c[one]
        sum_determinant = sum_a * sum_b - sum_c**2
        distance = (sum_a * dy**2 + sum_b * dx**2 - 2 * sum_c * dx * dy) / (sum_determinant + _TINY) / 4
        spread = sum_determinant / (4 * np.sqrt(determinants[others] * determinants[one]) + _TINY) + _TINY
        bhattacharyya = np.clip(distance + np.log(spread) / 2, _TINY, _LARGEST_DISTANCE)
        return np.asarray(1 - np.sqrt(1 - np.exp(-bhattacharyya)), np.float32)

    return overlap

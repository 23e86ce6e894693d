"""Intersection over union (IoU) of boxes, upright and rotated, each of one set with each of another."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_VERTICES = 8
"""Most vertices of the intersection of two quadrilaterals: each of four cuts adds at most one."""


def box_iou(boxes: NDArray[Any], others: NDArray[Any], *, crowd: NDArray[np.bool_] | None = None) -> Floats:
    """IoU of upright boxes.

    Args:
        boxes: shape (n, 4): x1, y1, x2, y2.
        others: shape (m, 4).
        crowd: shape (m,): groups of objects, for which the share of the box inside the group counts instead, as in
            COCO.

    Returns:
        Shape (n, m), 0 to 1; 0 where both boxes have no area.
    """
    a, b = boxes.astype(np.float64)[:, None, :], others.astype(np.float64)[None, :, :]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    overlap = np.prod(np.maximum(sides, 0.0), axis=-1)
    return _ratio(overlap, _areas(a), _areas(b), crowd)


def rotated_box_iou(
    boxes: NDArray[Any], angles: NDArray[Any], others: NDArray[Any], other_angles: NDArray[Any]
) -> Floats:
    """IoU of rotated boxes: exact areas, by clipping one polygon with the other (Sutherland and Hodgman, 1974).

    Args:
        boxes: shape (n, 4): x1, y1, x2, y2 before the rotation about their centre.
        angles: shape (n,): radians clockwise.
        others: shape (m, 4).
        other_angles: shape (m,).

    Returns:
        Shape (n, m), 0 to 1; 0 where both boxes have no area.
    """
    overlap = np.zeros((len(boxes), len(others)))
    first, second = np.nonzero(_circles_touch(boxes, others))
    if first.size:
        corners, other_corners = rotated_corners(boxes, angles)[first], rotated_corners(others, other_angles)[second]
        # About the first box's centre, so that differences of large coordinates lose no digits.
        centres = corners.mean(axis=1, keepdims=True)
        overlap[first, second] = _overlaps(corners - centres, other_corners - centres)
    areas, other_areas = _areas(boxes.astype(np.float64)), _areas(others.astype(np.float64))
    return _ratio(overlap, areas[:, None], other_areas[None, :])


def rotated_corners(boxes: NDArray[Any], angles: NDArray[Any]) -> Floats:
    """The four corners of each box after its rotation, shape (n, 4, 2), in the order of the angle."""
    corners = boxes.astype(np.float64)[:, [[0, 1], [2, 1], [2, 3], [0, 3]]]
    centres = corners.mean(axis=1, keepdims=True)
    x, y = np.moveaxis(corners - centres, -1, 0)
    cosine, sine = np.cos(angles, dtype=np.float64)[:, None], np.sin(angles, dtype=np.float64)[:, None]
    # The y axis points down, so this turns clockwise.
    return np.asarray(centres + np.stack([cosine * x - sine * y, sine * x + cosine * y], axis=-1))


def _areas(boxes: Floats) -> Floats:
    return np.asarray(np.prod(np.maximum(boxes[..., 2:] - boxes[..., :2], 0.0), axis=-1))


def _ratio(overlap: Floats, areas: Floats, others: Floats, crowd: NDArray[np.bool_] | None = None) -> Floats:
    union = areas + others - overlap
    if crowd is not None:
        union = np.where(crowd, areas, union)
    return np.divide(overlap, union, out=np.zeros_like(overlap), where=union > 0.0).clip(0.0, 1.0)


def _circles_touch(boxes: NDArray[Any], others: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether the circles around two boxes overlap: nothing else needs clipping."""
    a, b = boxes.astype(np.float64), others.astype(np.float64)
    distances = np.linalg.norm((a[:, None, :2] + a[:, None, 2:] - b[None, :, :2] - b[None, :, 2:]) / 2, axis=-1)
    radii, other_radii = (np.linalg.norm(each[:, 2:] - each[:, :2], axis=-1) / 2 for each in (a, b))
    return np.asarray(distances < radii[:, None] + other_radii[None, :])


def _overlaps(polygons: Floats, others: Floats) -> Floats:
    """Areas of the intersections of pairs of quadrilaterals, shape (pairs, 4, 2) each, vertices clockwise on screen."""
    points = np.concatenate([polygons, np.repeat(polygons[:, :1], _VERTICES - 4, axis=1)], axis=1)
    counts = np.full(len(points), 4)
    for edge in range(4):
        points, counts = _clip(points, counts, others[:, edge], others[:, (edge + 1) % 4])
    following = np.roll(points, -1, axis=1)
    return np.asarray(np.abs(_cross(points, following).sum(axis=1)) / 2)


def _clip(points: Floats, counts: NDArray[np.int64], start: Floats, end: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Cut off what lies left of the line from ``start`` to ``end``.

    Args:
        points: shape (pairs, vertices, 2); behind the last vertex the first one is repeated.
        counts: shape (pairs,): number of vertices.
        start: shape (pairs, 2).
        end: the same.
    """
    slots = np.arange(_VERTICES)
    used = slots < counts[:, None]
    after = np.where(slots + 1 < counts[:, None], slots + 1, 0)
    following = np.take_along_axis(points, after[..., None], axis=1)
    sides = _cross((end - start)[:, None], points - start[:, None])
    following_sides = np.take_along_axis(sides, after, axis=1)
    inside, crosses = sides >= 0.0, (sides >= 0.0) != (following_sides >= 0.0)
    share = np.divide(sides, sides - following_sides, out=np.zeros_like(sides), where=crosses)
    cuts = points + share[..., None] * (following - points)
    kept = np.stack([inside & used, crosses & used], axis=-1).reshape(len(points), -1)
    return _packed(np.stack([points, cuts], axis=2).reshape(len(points), -1, 2), kept)


def _packed(points: Floats, kept: NDArray[np.bool_]) -> tuple[Floats, NDArray[np.int64]]:
    """The kept points at the front, the rest filled with the first one, which adds no area."""
    order = np.argsort(~kept, axis=1, kind="stable")[:, :_VERTICES]
    counts = np.minimum(kept.sum(axis=1), _VERTICES)
    packed = np.take_along_axis(points, order[..., None], axis=1)
    return np.where((np.arange(_VERTICES) < counts[:, None])[..., None], packed, packed[:, :1]), counts


def _cross(a: Floats, b: Floats) -> Floats:
    return np.asarray(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0])

"""Object keypoint similarity (OKS), as COCO defines it (https://cocodataset.org/#keypoints-eval)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_COCO_SIGMAS = (
    *(0.026, 0.025, 0.025, 0.035, 0.035),  # nose, eyes, ears
    *(0.079, 0.079, 0.072, 0.072, 0.062, 0.062),  # shoulders, elbows, wrists
    *(0.107, 0.107, 0.087, 0.087, 0.089, 0.089),  # hips, knees, ankles
)
"""How far people who label the same point of a body are apart, as a share of the square root of its area."""


def oks_sigmas(count: int) -> Floats:
    """Standard deviation of each point, as a share of the square root of the object's area.

    Args:
        count: number of points: the 17 of a person in COCO have measured ones. Others have 1 / count, since the more
            points there are the finer they are placed (ultralytics does the same), within the range of COCO's.
    """
    if count == len(_COCO_SIGMAS):
        return np.array(_COCO_SIGMAS)
    return np.full(count, np.clip(1 / max(count, 1), min(_COCO_SIGMAS), max(_COCO_SIGMAS)))


def oks(
    points: NDArray[Any],
    others: NDArray[Any],
    areas: NDArray[Any],
    *,
    counted: NDArray[np.bool_] | None = None,
    sigmas: NDArray[Any] | None = None,
) -> Floats:
    """OKS of each object with each of another set.

    Args:
        points: shape (n, points, 2 or more): x, y in pixels; of the labels or of the source.
        others: shape (m, points, 2 or more).
        areas: shape (n,), of the first set's objects, in square pixels.
        counted: shape (n, points): which points of the first set count; None for all.
        sigmas: shape (points,); None for :func:`oks_sigmas`.

    Returns:
        Shape (n, m), 0 to 1; 0 for objects without a point that counts.
    """
    used = np.ones(points.shape[:2], dtype=bool) if counted is None else counted
    squares = np.square(points[:, None, :, :2].astype(np.float64) - others[None, :, :, :2]).sum(axis=-1)
    similarity = np.where(used[:, None], _similarity(squares, areas, sigmas), 0.0).sum(axis=-1)
    return np.asarray(similarity / np.maximum(used.sum(axis=-1), 1)[:, None])


def unlabelled_oks(
    boxes: NDArray[Any], others: NDArray[Any], areas: NDArray[Any], *, sigmas: NDArray[Any] | None = None
) -> Floats:
    """The similarity of COCO with labelled objects that have no labelled point: by it, poses near them are ignored.

    Args:
        boxes: shape (n, 4), of the labels: distances count from a box of thrice its size about the same centre.
        others: shape (m, points, 2 or more).
        areas: shape (n,), in square pixels.
        sigmas: as for :func:`oks`.

    Returns:
        Shape (n, m), 0 to 1.
    """
    corners = boxes.astype(np.float64).reshape(-1, 2, 2)
    sides = corners[:, 1] - corners[:, 0]
    least, most = (corners[:, 0] - sides)[:, None, None], (corners[:, 1] + sides)[:, None, None]
    places = others[None, :, :, :2].astype(np.float64)
    beyond = np.maximum(0.0, least - places) + np.maximum(0.0, places - most)
    return np.asarray(_similarity(np.square(beyond).sum(axis=-1), areas, sigmas).mean(axis=-1))


def _similarity(squares: Floats, areas: NDArray[Any], sigmas: NDArray[Any] | None) -> Floats:
    """Of squared distances, shape (n, m, points)."""
    deviations = oks_sigmas(squares.shape[-1]) if sigmas is None else sigmas.astype(np.float64)
    scales = (areas.astype(np.float64) + np.spacing(1.0))[:, None, None]
    return np.asarray(np.exp(-squares / np.square(2 * deviations) / scales / 2))

"""Greedy non-maximum suppression: of boxes of one class that cover the same object, the best one stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from core.tasks.heads.base import Candidates

_Floats: TypeAlias = NDArray[np.float32]
_Indices: TypeAlias = NDArray[np.int64]
_Overlap: TypeAlias = Callable[[int, _Indices], _Floats]
"""IoU of one box with several others, given by their indices."""

_TINY = 1e-7
_LARGEST_DISTANCE = 100.0


def suppress(candidates: Candidates, iou: float, *, most: int = 300) -> Candidates:
    """Drop boxes that overlap with a better one of their class by more than ``iou``.

    As :func:`torchvision.ops.batched_nms`; equal scores keep their order. The overlap of rotated boxes is ProbIoU, the
    similarity of the Gaussian distributions that the boxes stand for (Llerena et al., "Gaussian Bounding Boxes and
    Probabilistic Intersection-over-Union", 2021), with which Ultralytics suppresses them too. Ultralytics lets
    suppressed boxes suppress others (Fast NMS); here they do not, so that a few more may stay.

    Args:
        candidates: of one image.
        iou: overlap above which the box with the lower score is dropped.
        most: how many boxes stay at most.

    Returns:
        The boxes that stay, the best score first.
    """
    overlap = _plain_overlap(candidates.boxes) if candidates.angles is None else _rotated_overlap(candidates)
    remaining = np.argsort(-candidates.scores, kind="stable")
    kept: list[int] = []
    while len(remaining) and len(kept) < most:
        best, remaining = int(remaining[0]), remaining[1:]
        kept.append(best)
        same_class = candidates.classes[remaining] == candidates.classes[best]
        remaining = remaining[~(same_class & (overlap(best, remaining) > iou))]
    return take(candidates, np.array(kept, np.int64))


def take(candidates: Candidates, indices: _Indices) -> Candidates:
    """The candidates of these indices, in this order."""

    def rows(values: _Floats | None) -> _Floats | None:
        return None if values is None else values[indices]

    return replace(
        candidates,
        boxes=candidates.boxes[indices],
        scores=candidates.scores[indices],
        classes=candidates.classes[indices],
        angles=rows(candidates.angles),
        keypoints=rows(candidates.keypoints),
        mask_weights=rows(candidates.mask_weights),
        mask_logits=rows(candidates.mask_logits),
    )


def _plain_overlap(boxes: _Floats) -> _Overlap:
    x1, y1, x2, y2 = np.ascontiguousarray(boxes.T)
    areas = np.maximum(x2 - x1, 0) * np.maximum(y2 - y1, 0)

    def overlap(one: int, others: _Indices) -> _Floats:
        width = np.minimum(x2[others], x2[one]) - np.maximum(x1[others], x1[one])
        height = np.minimum(y2[others], y2[one]) - np.maximum(y1[others], y1[one])
        common = np.maximum(width, 0) * np.maximum(height, 0)
        return np.asarray(common / np.maximum(areas[others] + areas[one] - common, _TINY))

    return overlap


def _rotated_overlap(candidates: Candidates) -> _Overlap:
    """ProbIoU: 1 - the Hellinger distance of the Gaussians, which follows from their Bhattacharyya distance."""
    x1, y1, x2, y2 = candidates.boxes.T.astype(np.float64)
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    a, b, c = _covariances(x2 - x1, y2 - y1, candidates.angles)
    determinants = np.maximum(a * b - c**2, 0)

    def overlap(one: int, others: _Indices) -> _Floats:
        dx, dy = x[others] - x[one], y[others] - y[one]
        sum_a, sum_b, sum_c = a[others] + a[one], b[others] + b[one], c[others] + c[one]
        sum_determinant = sum_a * sum_b - sum_c**2
        distance = (sum_a * dy**2 + sum_b * dx**2 - 2 * sum_c * dx * dy) / (sum_determinant + _TINY) / 4
        spread = sum_determinant / (4 * np.sqrt(determinants[others] * determinants[one]) + _TINY) + _TINY
        bhattacharyya = np.clip(distance + np.log(spread) / 2, _TINY, _LARGEST_DISTANCE)
        return np.asarray(1 - np.sqrt(1 - np.exp(-bhattacharyya)), np.float32)

    return overlap


def _covariances(
    width: NDArray[np.float64], height: NDArray[np.float64], angles: _Floats | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Variance of x, of y, and their covariance, of evenly filled rotated boxes."""
    radians = np.zeros_like(width) if angles is None else angles.astype(np.float64)
    along, across, cos, sin = width**2 / 12, height**2 / 12, np.cos(radians), np.sin(radians)
    return (
        along * cos**2 + across * sin**2,
        along * sin**2 + across * cos**2,
        (along - across) * cos * sin,
    )

"""How alike the objects of two predictions are, and predictions and labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.metrics.box_iou import box_iou, rotated_box_iou, rotated_corners
from core.metrics.matching import same_class
from core.metrics.oks import oks, unlabelled_oks
from core.tasks.predictions import Detections, Mask, ObjectTruth

Floats = NDArray[np.float64]

_SURE_POINT = 0.3
"""Score from which a point of the source's pose counts, as mmpose draws them."""


def box_similarity(source: Detections, other: Detections) -> Floats:
    """IoU of boxes of the same class, rotated ones as such; 0 between different classes.

    Returns:
        Shape (n, m).
    """
    if source.angles is None or other.angles is None:
        ious = box_iou(source.boxes, other.boxes)
    else:
        ious = rotated_box_iou(source.boxes, source.angles, other.boxes, other.angles)
    return ious * same_class(source.classes, other.classes)


def mask_similarity(source: Detections, other: Detections) -> Floats:
    """IoU of masks of the same class; 0 between different classes.

    Returns:
        Shape (n, m).
    """
    return _mask_iou(source.masks or (), other.masks or ()) * same_class(source.classes, other.classes)


def pose_similarity(source: Detections, other: Detections) -> Floats:
    """OKS of poses of the same class: the source's points that it is sure of, in relation to the area of its box.

    Returns:
        Shape (n, m).
    """
    points, others = source.keypoints, other.keypoints
    if points is None or others is None:
        return np.zeros((len(source), len(other)))
    sure = points[..., 2] >= _SURE_POINT
    sure |= ~sure.any(axis=1, keepdims=True)
    similarity = oks(points, others, _areas(source.boxes), counted=sure)
    return similarity * same_class(source.classes, other.classes)


def true_box_similarity(prediction: Detections, truth: ObjectTruth) -> Floats:
    """IoU with labelled boxes, of whatever class; of rotated boxes, the upright ones around them.

    Returns:
        Shape (objects, labelled objects); in groups, the share of the object that lies inside.
    """
    boxes = prediction.boxes
    if prediction.angles is not None:
        corners = rotated_corners(boxes, prediction.angles)
        boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1, dtype=np.float32)
    return box_iou(boxes, truth.boxes, crowd=truth.crowd)


def true_mask_similarity(prediction: Detections, truth: ObjectTruth) -> Floats | None:
    """The same with labelled masks; None where there are none."""
    if truth.masks is None or prediction.masks is None:
        return None
    return _mask_iou(prediction.masks, truth.masks, truth.crowd)


def true_pose_similarity(prediction: Detections, truth: ObjectTruth) -> Floats | None:
    """OKS with labelled poses; None where there are none with the same points."""
    found, labelled = prediction.keypoints, truth.keypoints
    if found is None or labelled is None or found.shape[1] != labelled.shape[1]:
        return None
    similarity = oks(labelled, found, truth.areas, counted=labelled[..., 2] > 0)
    empty = without_points(truth)
    similarity[empty] = unlabelled_oks(truth.boxes[empty], found, truth.areas[empty])
    return similarity.T


def without_points(truth: ObjectTruth) -> NDArray[np.bool_]:
    """Shape (objects,): which have no labelled point; poses near them are neither right nor wrong."""
    if truth.keypoints is None:
        return np.ones(len(truth.labels), dtype=bool)
    return np.asarray(~(truth.keypoints[..., 2] > 0).any(axis=1))


def _mask_iou(masks: tuple[Mask, ...], others: tuple[Mask, ...], crowd: NDArray[np.bool_] | None = None) -> Floats:
    from pycocotools import mask as rle

    if not masks or not others:
        return np.zeros((len(masks), len(others)))
    groups = np.zeros(len(others), dtype=int) if crowd is None else crowd.astype(int)
    # It is -1 for masks of different sizes.
    return np.maximum(0.0, np.asarray(rle.iou(list(masks), list(others), groups.tolist()), dtype=np.float64))


def _areas(boxes: NDArray[np.float32]) -> Floats:
    return np.asarray(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1, dtype=np.float64))

"""How alike the objects of two stored predictions are: by masks, poses, rotated boxes or boxes, as the task counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw

from core.metrics.box_iou import box_iou, rotated_box_iou
from core.metrics.oks import oks
from core.report.drawing.prediction_json import FoundObject

_CELLS = 48
"""Longer side of the grid on which two masks are compared; stored outlines have not many more steps."""

_SURE_POINT = 0.3
"""Score from which a point of the source's pose counts, as in the agreement."""

Floats = NDArray[np.float64]


def object_similarity(ours: Sequence[FoundObject], theirs: Sequence[FoundObject]) -> Floats:
    """Similarity of each object with each of another prediction, whatever their classes.

    Returns:
        Shape (ours, theirs), 0 to 1: the object keypoint similarity (OKS) of poses, the IoU of masks and of rotated
        boxes where there are any, else that of boxes.
    """
    if not ours or not theirs:
        return np.zeros((len(ours), len(theirs)))
    boxes, others = _boxes(ours), _boxes(theirs)
    counts = {len(found.points) for found in (*ours, *theirs)}
    if len(counts) == 1 and counts != {0}:
        return _poses(ours, theirs, boxes)
    if any(found.rings for found in (*ours, *theirs)):
        return _masks(ours, theirs, box_iou(boxes, others))
    if any(found.angle for found in (*ours, *theirs)):
        return rotated_box_iou(boxes, _angles(ours), others, _angles(theirs))
    return box_iou(boxes, others)


def _poses(ours: Sequence[FoundObject], theirs: Sequence[FoundObject], boxes: Floats) -> Floats:
    points, others = (np.array([found.points for found in each], np.float64) for each in (ours, theirs))
    sure = points[..., 2] >= _SURE_POINT
    sure |= ~sure.any(axis=1, keepdims=True)
    areas = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0.0), axis=1)
    return oks(points, others, areas, counted=sure)


def _masks(ours: Sequence[FoundObject], theirs: Sequence[FoundObject], of_boxes: Floats) -> Floats:
    """Only masks whose boxes overlap are filled; an object without a mask is its box."""
    found = np.zeros_like(of_boxes)
    for row, column in np.argwhere(of_boxes > 0.0).tolist():
        found[row, column] = _mask_iou(ours[row], theirs[column])
    return found


def _mask_iou(one: FoundObject, other: FoundObject) -> float:
    left, top = (min(one.box[axis], other.box[axis]) for axis in (0, 1))
    right, bottom = (max(one.box[axis], other.box[axis]) for axis in (2, 3))
    scale = _CELLS / max(right - left, bottom - top, 1e-6)
    size = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
    first, second = (_filled(found, (left, top), scale, size) for found in (one, other))
    either = int(np.count_nonzero(first | second))
    return int(np.count_nonzero(first & second)) / either if either else 0.0


def _filled(found: FoundObject, corner: tuple[float, float], scale: float, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels of an object, its rings filled by the even-odd rule."""
    x1, y1, x2, y2 = found.box
    rings = found.rings or (((x1, y1), (x2, y1), (x2, y2), (x1, y2)),)
    mask = Image.new("1", size)
    for ring in rings:
        part = Image.new("1", size)
        places = [((point[0] - corner[0]) * scale - 0.5, (point[1] - corner[1]) * scale - 0.5) for point in ring]
        if len(places) > 1:
            ImageDraw.Draw(part).polygon(places, fill=1)
        mask = ImageChops.logical_xor(mask, part)
    return np.asarray(mask)


def _boxes(objects: Sequence[FoundObject]) -> Floats:
    return np.array([found.box for found in objects], np.float64).reshape(-1, 4)


def _angles(objects: Sequence[FoundObject]) -> Floats:
    return np.array([found.angle for found in objects], np.float64)

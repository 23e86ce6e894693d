"""From a detector's outputs to the objects of an image, in its own pixels."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from core.preprocessing import Placement
from core.runtimes.predictor import Tensor
from core.tasks.heads.base import Candidates, Head
from core.tasks.heads.suppression import suppress
from core.tasks.objects.masks import image_masks
from core.tasks.predictions import Detections

LEAST_SCORE = 0.01
"""Objects are kept from here on: average precision also counts the unsure ones."""

MOST_OBJECTS = 300
"""Of an image."""


def objects_in_input(
    head: Head,
    outputs: Mapping[str, Tensor],
    input_size: tuple[int, int],
    *,
    least: float = LEAST_SCORE,
    most: int = MOST_OBJECTS,
) -> Candidates:
    """The objects in pixels of the model's input, the best first, after non-maximum suppression where it is needed.

    Args:
        head: of the model.
        outputs: for one image.
        input_size: height and width of the model's input.
        least: score from which objects are kept.
        most: how many are kept.
    """
    candidates = head.decode(outputs, input_size, least=least)
    # No overlap is larger than infinity: boxes that the model has suppressed itself are only sorted.
    return suppress(candidates, math.inf if head.nms_iou is None else head.nms_iou, most=most)


def decode_objects(
    head: Head,
    outputs: Mapping[str, Tensor],
    placement: Placement,
    *,
    least: float = LEAST_SCORE,
    most: int = MOST_OBJECTS,
    masks: bool = False,
) -> Detections:
    """The objects in pixels of the image, the best first.

    Boxes are clipped to the image, and those outside it are left out; rotated ones are not clipped, which would move
    their centre.

    Args:
        head: of the model.
        outputs: for one image.
        placement: where the image lies in the model's input.
        least: score from which objects are kept.
        most: how many are kept.
        masks: whether masks are made, where the head has any.
    """
    found = objects_in_input(head, outputs, placement.input_size, least=least, most=most)
    angles = found.angles
    boxes = placement.boxes_to_image(found.boxes)
    if angles is not None:
        boxes, angles = _rotated_to_image(found.boxes, angles, placement)
    points = found.keypoints
    if points is not None:
        points = np.concatenate([placement.points_to_image(points[..., :2]), points[..., 2:]], axis=-1)
    made = image_masks(found, boxes, placement) if masks else None
    objects = Detections(boxes, found.scores, found.classes, angles, made, points)
    # NaN, which damaged weights give, is not greater than anything either.
    return objects.take(np.flatnonzero((boxes[:, 2:] > boxes[:, :2]).all(axis=1)))


def _rotated_to_image(
    boxes: NDArray[np.float32], angles: NDArray[np.float32], placement: Placement
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Where both axes are scaled alike this is exact; else the sides become slanted, and area and long axis stay."""
    corners = boxes.reshape(-1, 2, 2)
    centres = placement.points_to_image(corners.mean(axis=1))
    width, height = np.moveaxis(corners[:, 1] - corners[:, 0], -1, 0)
    # Along the longer side, whose direction the eye sees.
    upright = height > width
    length = np.maximum(width, height)
    direction = angles + np.where(upright, np.float32(math.pi / 2), np.float32(0))
    along_x, along_y = (
        length * axis(direction) / scale for axis, scale in zip((np.cos, np.sin), placement.scale, strict=True)
    )
    new_length = np.hypot(along_x, along_y)
    area = width * height / (placement.scale[0] * placement.scale[1])
    across = np.divide(area, new_length, out=np.zeros_like(new_length), where=new_length > 0)
    turned = np.arctan2(along_y, along_x) - np.where(upright, math.pi / 2, 0)
    half = (
        np.where(upright[:, None], np.stack([across, new_length], axis=1), np.stack([new_length, across], axis=1)) / 2
    )
    return np.concatenate([centres - half, centres + half], axis=1, dtype=np.float32), turned.astype(np.float32)

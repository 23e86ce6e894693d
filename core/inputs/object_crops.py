"""Crops of labelled objects, for models that take one body, face or hand at a time (top-down keypoint detection)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from core.labels.base import Labels
from core.tasks.predictions import ObjectTruth, Truth

_PADDING = 1.25
"""Sides of a crop in relation to those of the object's box, as in MMPose (``GetBBoxCenterScale``)."""

_MAX_CROP_PIXELS = 32_000_000
"""A flat box in a crop of other proportions reaches far beyond its image; larger crops are left out."""


def object_crops(
    image: Image.Image, truth: Truth | None, *, size: tuple[int, int]
) -> Iterator[tuple[Image.Image, ObjectTruth]]:
    """Each labelled object with keypoints, cut out with some room around it, and what the labels say in the crop.

    Crops have the proportions of the model's input, so that nothing is stretched; what lies outside the image is
    black, as in MMPose.

    Args:
        image: upright.
        truth: of the image.
        size: height and width of the model's input.
    """
    if not isinstance(truth, ObjectTruth):
        return
    for index in _with_keypoints(truth):
        region = _region(truth, index, size[1] / size[0])
        if (region[2] - region[0]) * (region[3] - region[1]) <= _MAX_CROP_PIXELS:
            yield image.convert("RGB").crop(region), _moved(truth, index, region[:2])


def count_crops(labels: Labels, files: Iterable[Path]) -> int:
    """How many objects can be cut out of the images of these files, about: images may not open."""
    truths = (labels.truth(file) for file in files)
    return sum(len(_with_keypoints(truth)) for truth in truths if isinstance(truth, ObjectTruth))


def _with_keypoints(truth: ObjectTruth) -> list[int]:
    """Indices of the single objects of which at least one point is labelled."""
    if truth.keypoints is None:
        return []
    return np.flatnonzero((truth.keypoints[:, :, 2] > 0).any(axis=1) & ~truth.crowd).tolist()


def _region(truth: ObjectTruth, index: int, aspect: float) -> tuple[int, int, int, int]:
    """Left, top, right and bottom in pixels of the image; may reach beyond it."""
    x1, y1, x2, y2 = truth.boxes[index].astype(np.float64)
    width, height = (x2 - x1) * _PADDING, (y2 - y1) * _PADDING
    width, height = max(width, height * aspect), max(height, width / aspect)
    left, top = round((x1 + x2 - width) / 2), round((y1 + y2 - height) / 2)
    return left, top, left + max(1, round(width)), top + max(1, round(height))


def _moved(truth: ObjectTruth, index: int, origin: tuple[int, int]) -> ObjectTruth:
    """The truth of one object alone, in pixels of its crop."""
    assert truth.keypoints is not None
    x, y = origin
    return replace(
        truth,
        boxes=truth.boxes[index : index + 1] - np.array([x, y, x, y], np.float32),
        labels=truth.labels[index : index + 1],
        crowd=truth.crowd[index : index + 1],
        areas=truth.areas[index : index + 1],
        masks=None,
        keypoints=truth.keypoints[index : index + 1] - np.array([x, y, 0], np.float32),
    )

"""Crops of labelled objects, for models that take one body, face or hand at a time (top-down keypoint detection)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.labels.base import Labels
from core.tasks.predictions import ObjectTruth, Truth

PADDING = 1.25
"""Sides of a crop in relation to those of the object's box, as in MMPose (``GetBBoxCenterScale``)."""

MAX_SIDE = 1024
"""Of a crop, in pixels; larger ones are scaled down. Inputs of such models have 64 to 512."""


@dataclass(frozen=True)
class CropRule:
    """Which objects become samples of their own."""

    points: int | None = None
    """How many points the labels must have for an object; None: any number."""

    most: int | None = None
    """Objects of one image, at most."""

    def choose(self, truth: Truth | None) -> list[int]:
        """Indices of the single objects of which at least one point is labelled."""
        if not isinstance(truth, ObjectTruth) or truth.keypoints is None:
            return []
        counts = np.array(truth.point_counts or [truth.keypoints.shape[1]] * len(truth.labels))
        fits = counts > 0 if self.points is None else counts == self.points
        return np.flatnonzero((truth.keypoints[:, :, 2] > 0).any(axis=1) & ~truth.crowd & fits).tolist()[: self.most]


_ANY = CropRule()


def object_crops(
    image: Image.Image, truth: Truth | None, *, size: tuple[int, int], rule: CropRule = _ANY
) -> Iterator[tuple[Image.Image, ObjectTruth]]:
    """The objects that the rule chooses, cut out with some room around them, and what the labels say in the crop.

    Crops have the proportions of the model's input, so that nothing is stretched; what lies outside the image is
    black, as in MMPose.

    Args:
        image: upright.
        truth: of the image.
        size: height and width of the model's input.
        rule: which objects.
    """
    for index in rule.choose(truth):
        assert isinstance(truth, ObjectTruth)
        region, scale = region_of(truth.boxes[index], size)
        yield _cut(image, region, scale), _moved(truth, index, region[:2], scale)


def count_crops(labels: Labels, files: Iterable[Path], rule: CropRule = _ANY) -> int:
    """How many objects will be cut out of the images of these files, if all of them open."""
    return sum(len(rule.choose(labels.truth(file))) for file in files)


def region_of(box: NDArray[np.float32], size: tuple[int, int]) -> tuple[tuple[int, int, int, int], float]:
    """What is cut out for a box, and by how much that is scaled.

    Args:
        box: x1, y1, x2, y2 in pixels of the image.
        size: height and width of the model's input.

    Returns:
        Left, top, right and bottom in pixels of the image, which may reach beyond it; and the scale, at most 1.
    """
    aspect = size[1] / size[0]
    x1, y1, x2, y2 = box.astype(np.float64)
    width, height = (x2 - x1) * PADDING, (y2 - y1) * PADDING
    width, height = max(width, height * aspect), max(height, width / aspect)
    left, top = round((x1 + x2 - width) / 2), round((y1 + y2 - height) / 2)
    right, bottom = left + max(1, round(width)), top + max(1, round(height))
    return (left, top, right, bottom), min(1.0, MAX_SIDE / max(right - left, bottom - top))


def _cut(image: Image.Image, region: tuple[int, int, int, int], scale: float) -> Image.Image:
    """The region on black; only the part inside the image is ever in memory at full size."""
    left, top, right, bottom = region
    inside = max(left, 0), max(top, 0), min(right, image.width), min(bottom, image.height)
    part = image.crop(inside).convert("RGB")
    canvas = Image.new("RGB", (max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))))
    if scale < 1.0:
        sides = max(1, round(part.width * scale)), max(1, round(part.height * scale))
        part = part.resize(sides, Image.Resampling.BILINEAR)
    canvas.paste(part, (round((inside[0] - left) * scale), round((inside[1] - top) * scale)))
    return canvas


def _moved(truth: ObjectTruth, index: int, origin: tuple[int, int], scale: float) -> ObjectTruth:
    """The truth of one object alone, in pixels of its crop."""
    assert truth.keypoints is not None
    count = truth.keypoints.shape[1] if truth.point_counts is None else truth.point_counts[index]
    corner, factor = np.array([*origin, 0], np.float32), np.array([scale, scale, 1], np.float32)
    return replace(
        truth,
        boxes=(truth.boxes[index : index + 1] - np.tile(corner[:2], 2)) * np.float32(scale),
        labels=truth.labels[index : index + 1],
        crowd=truth.crowd[index : index + 1],
        areas=truth.areas[index : index + 1] * np.float32(scale**2),
        masks=None,
        keypoints=(truth.keypoints[index : index + 1, :count] - corner) * factor,
        point_counts=(count,),
    )

"""The labelled objects of one picture: gathered one by one, checked, and cut off at its edges."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.common.pictures import MAX_PIXELS
from core.labels.outlines import mask_area
from core.labels.picture_size import PictureSize
from core.labels.problems import ProblemName, Problems
from core.tasks.predictions import Mask, ObjectTruth

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels of the upright image."""

_ROUNDING = 0.5  # pixels beyond an edge that come from rounded numbers in the label file


@dataclass(frozen=True, eq=False)
class _Object:
    box: Box
    label: str
    crowd: bool
    area: float
    mask: Mask | None
    keypoints: NDArray[np.float32] | None


class Objects:
    """Gathers the objects of a picture.

    Args:
        picture: its path, under which problems are noted.
        size: its size.
    """

    def __init__(self, picture: Path, size: PictureSize) -> None:
        self.size = size
        self._picture = picture
        self._objects: list[_Object] = []
        self._problems: Counter[ProblemName] = Counter()

    def note(self, problem: ProblemName) -> None:
        """Count a problem of this picture."""
        self._problems[problem] += 1

    def add(
        self,
        box: Box,
        label: str,
        *,
        crowd: bool = False,
        area: float | None = None,
        mask: Mask | None = None,
        keypoints: NDArray[np.float32] | None = None,
    ) -> None:
        """Add an object; one without a place in the picture is left out.

        Args:
            box: in pixels; beyond the edges it is cut off.
            label: name of its class, or the index.
            crowd: whether it is a group that counts neither as found nor as missed.
            area: in square pixels; None for that of the mask or the box.
            mask: its outline.
            keypoints: shape (points, 3).
        """
        clipped = self._clipped(box)
        if clipped is None:
            return
        if area is None or not 0.0 < area <= self.size.width * self.size.height:
            area = (clipped[2] - clipped[0]) * (clipped[3] - clipped[1]) if mask is None else mask_area(mask)
        self._objects.append(_Object(clipped, label, crowd, area, mask, keypoints))

    def truth(self, problems: Problems) -> ObjectTruth:
        """The label of the picture; what was left out is noted in ``problems``."""
        masks = [item.mask for item in self._objects if item.mask is not None]
        if 0 < len(masks) < len(self._objects):
            self.note("no-outline")
        for problem, count in self._problems.items():
            problems.note(problem, self._picture, count)
        return ObjectTruth(
            boxes=np.asarray([item.box for item in self._objects], np.float32).reshape(-1, 4),
            labels=tuple(item.label for item in self._objects),
            crowd=np.asarray([item.crowd for item in self._objects], np.bool_),
            areas=np.asarray([item.area for item in self._objects], np.float32),
            masks=tuple(masks) if masks and len(masks) == len(self._objects) else None,
            keypoints=self._keypoints(),
            point_counts=self._point_counts(),
        )

    def _clipped(self, box: Box) -> Box | None:
        if not all(math.isfinite(value) for value in box):
            self.note("not-finite")
            return None
        x1, y1, x2, y2 = box
        if x2 <= x1 or y2 <= y1:
            self.note("no-size")
            return None
        width, height = self.size.width, self.size.height
        inside = (max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height)))
        if inside[2] <= inside[0] or inside[3] <= inside[1]:
            self.note("outside")
            return None
        if max(abs(one - other) for one, other in zip(box, inside, strict=True)) > _ROUNDING:
            self.note("clipped")
        return inside

    def _point_counts(self) -> tuple[int, ...] | None:
        counts = tuple(0 if item.keypoints is None else len(item.keypoints) for item in self._objects)
        return counts if len(set(counts)) > 1 else None

    def _keypoints(self) -> NDArray[np.float32] | None:
        """Of all objects; those with fewer points, or none, get points that are not labelled."""
        counts = [0 if item.keypoints is None else len(item.keypoints) for item in self._objects]
        if not any(counts):
            return None
        table = np.zeros((len(counts), max(counts), 3), np.float32)
        for row, item in zip(table, self._objects, strict=True):
            if item.keypoints is not None:
                row[: len(item.keypoints)] = item.keypoints
        return table


def clean_keypoints(points: NDArray[np.float64]) -> NDArray[np.float32]:
    """Keypoints of the shape (points, 3) with a visibility of 0, 1 or 2; those far outside any image count as not
    labelled.
    """
    possible = (np.abs(points) < MAX_PIXELS).all(axis=1, keepdims=True)  # false for NaN too
    cleaned = np.where(possible, points, 0.0)
    cleaned[:, 2] = np.clip(np.round(cleaned[:, 2]), 0, 2)
    return cleaned.astype(np.float32)

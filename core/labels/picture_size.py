"""The size of a picture from its header, and the way of label coordinates into the pixels of the upright image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.common.pictures import open_picture

_ORIENTATION = 0x0112  # EXIF tag
_SIDEWAYS = (5, 6, 7, 8)
_SAME_SHAPE = 0.02  # relative difference of two aspect ratios up to which one picture is a resized copy of the other
_METADATA_CHUNKS = (b"eXIf", b"iTXt", b"tEXt", b"zTXt")

# Orientation -> (x', y') in the upright image from (x, y) in the stored one, as rows of coefficients of x, y, width and
# height of the stored image.
_TURNS: Mapping[int, tuple[tuple[int, int, int, int], tuple[int, int, int, int]]] = {
    5: ((0, 1, 0, 0), (1, 0, 0, 0)),
    6: ((0, -1, 0, 1), (1, 0, 0, 0)),
    7: ((0, -1, 0, 1), (-1, 0, 1, 0)),
    8: ((0, 1, 0, 0), (-1, 0, 1, 0)),
}


@dataclass(frozen=True)
class PictureSize:
    """Size of a picture as it is seen: turned upright by its EXIF orientation."""

    width: int
    height: int
    orientation: int = 1
    """The EXIF orientation, 1 to 8, by which the stored pixels are turned."""

    @property
    def is_sideways(self) -> bool:
        """Whether the stored pixels have width and height exchanged."""
        return self.orientation in _SIDEWAYS

    def way_from(self, declared: tuple[float, float] | None) -> CoordinateMap | None:
        """How coordinates of labels made for a picture of some size become pixels of this one.

        Labels made on the stored pixels of a turned picture are turned with it; labels of a resized copy are scaled.

        Args:
            declared: width and height that the labels say; None or zeros where they say nothing.

        Returns:
            None where the labels are for a picture of another shape.
        """
        if not declared or min(declared) <= 0:
            return CoordinateMap()
        if _same_shape(declared, (self.width, self.height)):
            return CoordinateMap(scale=(self.width / declared[0], self.height / declared[1]))
        if self.is_sideways and _same_shape(declared, (self.height, self.width)):
            scale = (self.height / declared[0], self.width / declared[1])
            return CoordinateMap(scale, self.orientation, (self.height, self.width))
        return None


@dataclass(frozen=True)
class CoordinateMap:
    """Scales points, then turns them by an EXIF orientation."""

    scale: tuple[float, float] = (1.0, 1.0)
    """Of x and y."""

    orientation: int = 1
    stored: tuple[int, int] = (0, 0)
    """Width and height of the stored picture; used where it is turned."""

    def points(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map points of the shape (n, 2)."""
        scaled: NDArray[np.float64] = points * np.asarray(self.scale)
        if self.orientation == 1:
            return scaled
        rows = np.asarray(_TURNS[self.orientation], np.float64)
        return np.asarray(scaled @ rows[:, :2].T + rows[:, 2:] @ np.asarray(self.stored, np.float64))

    def box(self, box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        """Map x1, y1, x2, y2; the signs of width and height stay."""
        if self.orientation == 1:
            return box[0] * self.scale[0], box[1] * self.scale[1], box[2] * self.scale[0], box[3] * self.scale[1]
        if box[2] <= box[0] or box[3] <= box[1]:
            return box
        corners = self.points(np.asarray(box, np.float64).reshape(2, 2))
        (x1, y1), (x2, y2) = corners.min(axis=0), corners.max(axis=0)
        return float(x1), float(y1), float(x2), float(y2)

    @property
    def area_scale(self) -> float:
        """By which areas grow."""
        return self.scale[0] * self.scale[1]


def picture_size(path: Path) -> PictureSize | None:
    """Size of a picture as :func:`core.decoding.read_picture` shows it, from its header; None where it has none."""
    try:
        with open_picture(path) as image:
            orientation = _orientation(path, image)
            width, height = image.size
            # Pillow's TIFF reader turns the pixels itself, and its size is the upright one already.
            if orientation in _SIDEWAYS and image.format != "TIFF":
                width, height = height, width
            return PictureSize(width, height, orientation)
    except Exception:  # noqa: BLE001 - Pillow raises anything on a damaged file
        return None


def _orientation(path: Path, image: Image.Image) -> int:
    # A PNG may hold its EXIF data behind the pixels; only then is it decoded as a whole.
    is_late = image.format == "PNG" and _has_late_metadata(path)
    value = (image.getexif() if is_late else Image.Image.getexif(image)).get(_ORIENTATION, 1)
    return value if value in range(1, 9) else 1


def _has_late_metadata(path: Path) -> bool:
    """Whether a PNG file has chunks of metadata behind its pixels."""
    behind = False
    with path.open("rb") as file:
        file.seek(8)
        while len(header := file.read(8)) == 8:
            behind = behind or header[4:] == b"IDAT"
            if behind and header[4:] in _METADATA_CHUNKS:
                return True
            file.seek(int.from_bytes(header[:4], "big") + 4, 1)
    return False


def _same_shape(one: tuple[float, float], other: tuple[float, float]) -> bool:
    # A pixel of rounding counts as nothing in small pictures either.
    ratio = one[0] * other[1] / (one[1] * other[0])
    return abs(ratio - 1.0) <= max(_SAME_SHAPE, 1.0 / min(other))

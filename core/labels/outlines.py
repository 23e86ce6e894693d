"""Outlines of objects as masks: polygons, and run lengths, which are checked before any C code sees them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.common.pictures import MAX_PIXELS
from core.labels.picture_size import CoordinateMap, PictureSize
from core.tasks.predictions import Mask

_TRANSPOSITIONS = {
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def polygons_to_mask(polygons: Sequence[NDArray[np.float64]], size: PictureSize) -> Mask | None:
    """Fill polygons as COCO does.

    Args:
        polygons: of one object, each of the shape (points, 2), in pixels of the upright image; points outside are
            moved to its edge.
        size: of the image.

    Returns:
        None where there is no polygon, or they cover no pixel.
    """
    from pycocotools import mask

    if not polygons:
        return None
    # Points far outside would make pycocotools walk, and allocate, along huge edges.
    limits = np.asarray((size.width, size.height), np.float64)
    rings = [np.clip(points, 0.0, limits).ravel().tolist() for points in polygons]
    merged: Mask = mask.merge(mask.frPyObjects(rings, size.height, size.width))
    return merged if mask.area(merged) > 0 else None


def runs_to_mask(runs: Mapping[str, Any], size: PictureSize, way: CoordinateMap) -> Mask | None:
    """Take over a run-length encoded mask of COCO, compressed or not.

    Args:
        runs: ``size`` (height, width) and ``counts``, as a label file has them.
        size: of the upright image.
        way: from the coordinates of the labels to those of the image.

    Returns:
        None where it is damaged or covers no pixel.
    """
    from pycocotools import mask

    shape, counts = _shape(runs.get("size")), _counts(runs.get("counts"))
    if shape is None or counts is None or sum(counts) != shape[0] * shape[1]:
        return None
    encoded: Mask = mask.frPyObjects({"size": list(shape), "counts": counts}, *shape)
    if shape != (size.height, size.width) or way.orientation != 1:
        encoded = mask.encode(np.asfortranarray(_fitted(mask.decode(encoded), size, way)))
    return encoded if mask.area(encoded) > 0 else None


def mask_area(mask: Mask) -> float:
    """Number of pixels."""
    from pycocotools import mask as coco

    return float(coco.area(mask))


def mask_box(mask: Mask) -> tuple[float, float, float, float]:
    """The smallest box around a mask: x1, y1, x2, y2 in pixels."""
    from pycocotools import mask as coco

    x, y, width, height = (float(value) for value in coco.toBbox(mask))
    return x, y, x + width, y + height


def polygons(segmentation: Sequence[Any]) -> list[NDArray[np.float64]]:
    """The usable polygons of a list of lists x1, y1, x2, y2, ...: with three points or more, all finite."""
    return [points for ring in segmentation if (points := _ring(ring)) is not None]


def turned(image: Image.Image, orientation: int) -> Image.Image:
    """Turn a picture by an EXIF orientation of which width and height are exchanged; 1 leaves it as it is."""
    return image.transpose(_TRANSPOSITIONS[orientation]) if orientation in _TRANSPOSITIONS else image


def _ring(values: Any) -> NDArray[np.float64] | None:
    try:
        flat = np.asarray(values, np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    if flat.ndim != 1 or flat.size < 6 or flat.size % 2 or not np.isfinite(flat).all():
        return None
    return flat.reshape(-1, 2)


def _fitted(pixels: NDArray[np.uint8], size: PictureSize, way: CoordinateMap) -> NDArray[np.uint8]:
    image = turned(Image.fromarray(pixels), way.orientation)
    return np.asarray(image.resize((size.width, size.height), Image.Resampling.NEAREST))


def _shape(value: Any) -> tuple[int, int] | None:
    if not isinstance(value, list) or len(value) != 2 or not all(type(part) is int and part > 0 for part in value):
        return None
    return (value[0], value[1]) if value[0] * value[1] <= MAX_PIXELS else None


def _counts(value: Any) -> list[int] | None:
    """Run lengths, alternately of 0 and 1; None where they are damaged."""
    try:
        counts = list(_decompressed(value)) if isinstance(value, str) else value
    except ValueError:
        return None
    is_valid = isinstance(counts, list) and all(type(count) is int and 0 <= count <= MAX_PIXELS for count in counts)
    return counts if is_valid else None


def _decompressed(text: str) -> Iterator[int]:
    """COCO's compressed run lengths: numbers of 5 bits a character, lowest first, as differences to the last but one.

    Source: ``rleFrString`` in cocoapi, common/maskApi.c.

    Raises:
        ValueError: a character is none of the 64 that occur, or the text ends within a number.
    """
    counts: list[int] = []
    number = shift = 0
    for character in text:
        code = ord(character) - 48
        if not 0 <= code < 64 or shift > 30:
            raise ValueError(f"not run lengths at {character!r}")
        number |= (code & 31) << shift
        shift += 5
        if code & 32:
            continue
        if code & 16:  # the sign
            number -= 1 << shift
        if len(counts) > 2:
            number += counts[-2]
        counts.append(number)
        yield number
        number = shift = 0
    if shift:
        raise ValueError("ends within a number")

"""Segmentation: the class of every pixel, from class scores, class indices or a map of probabilities."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

import drawing
from preprocessing import Array, Placement, Sample
from verdicts import CLOSE_OVERLAP, SAME, Verdict, different, within

_LARGEST_IN_8_BIT = 255


def answer(
    outputs: Mapping[str, Array], sample: Sample, task: Mapping[str, Any], labels: Sequence[str]
) -> dict[str, Any]:
    """The share of the picture that each class has, the largest first, and the map as a PNG of class indices."""
    classes = _classes(outputs[task["output"]], task)
    region = _region(sample.placement)
    in_picture = to_picture(classes, region, sample.placement.picture_size)
    seen = in_picture[in_picture >= 0]
    numbers, counts = np.unique(seen, return_counts=True)
    areas = [
        {
            "class": number,
            "label": labels[number] if number < len(labels) else str(number),
            "share": round(count / max(1, seen.size), 6),
        }
        for number, count in sorted(
            zip(numbers.tolist(), counts.tolist(), strict=True), key=lambda pair: (-pair[1], pair[0])
        )
    ]
    return {
        "kind": "map",
        "areas": areas,
        "region": [round(edge, 6) for edge in region],
        "picture_size": list(sample.placement.picture_size),
        "png": encode(classes),
    }


def _classes(tensor: Array, task: Mapping[str, Any]) -> Array:
    """The class of every cell, shape (height, width)."""
    scores = tensor[0] if tensor.ndim == 4 else tensor[:1]
    if tensor.ndim == 4 and task["channels_last"]:
        scores = np.moveaxis(scores, -1, 0)
    if np.issubdtype(scores.dtype, np.integer):
        return np.asarray(scores[0], np.int32)
    if len(scores) == 1:
        return np.asarray(scores[0] > task["threshold"], np.int32)
    return np.asarray(scores.argmax(axis=0), np.int32)


def _region(placement: Placement) -> tuple[float, float, float, float]:
    """The picture in shares of the input: left, top, right, bottom."""
    (height, width), (input_height, input_width) = placement.picture_size, placement.input_size
    left, top = placement.offset[0] / input_width, placement.offset[1] / input_height
    return left, top, left + width * placement.scale[0] / input_width, top + height * placement.scale[1] / input_height


def to_picture(classes: Array, region: Sequence[float], size: Sequence[int]) -> Array:
    """The map in the pixels of a picture of this height and width, by the nearest cell; -1 where it was cropped."""
    height, width = classes.shape
    left, top, right, bottom = region
    rows = np.floor((top + (np.arange(size[0]) + 0.5) / size[0] * (bottom - top)) * height).astype(np.int64)
    columns = np.floor((left + (np.arange(size[1]) + 0.5) / size[1] * (right - left)) * width).astype(np.int64)
    found = classes[np.clip(rows, 0, height - 1)[:, None], np.clip(columns, 0, width - 1)]
    is_seen = ((rows >= 0) & (rows < height))[:, None] & (columns >= 0) & (columns < width)
    return np.where(is_seen, found, -1).astype(np.int32)


def encode(classes: Array) -> str:
    """A map of class indices as a PNG in base64: 8 bit, or 16 bit where there are more than 256 classes."""
    fits = classes.max(initial=0) <= _LARGEST_IN_8_BIT
    buffer = io.BytesIO()
    Image.fromarray(np.maximum(classes, 0).astype(np.uint8 if fits else np.uint16)).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def decode(png: str) -> Array:
    """The inverse of :func:`encode`."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(png)))).astype(np.int32)


def words(found: Mapping[str, Any]) -> list[str]:
    """One line for each class."""
    return [f"{one['label']}  {one['share']:.1%} of the picture" for one in found["areas"]]


def compare(expected: Mapping[str, Any], found: Mapping[str, Any]) -> Verdict:
    """The overlap of the areas."""
    before, after = decode(expected["png"]), decode(found["png"])
    if before.shape != after.shape:
        return different(f"a map of {after.shape} cells instead of {before.shape}")
    same = float((before == after).mean())
    if same == 1.0:
        return SAME
    numbers = np.unique(np.concatenate([before, after], axis=None))
    overlaps = [((before == one) & (after == one)).sum() / ((before == one) | (after == one)).sum() for one in numbers]
    if np.mean(overlaps) < CLOSE_OVERLAP:
        return different(f"{1 - same:.1%} of the pixels have another class")
    return within(1 - same)


def draw(picture: Image.Image, found: Mapping[str, Any]) -> Image.Image:
    """Each class in its colour over the picture, the first one left as it is."""
    image, _ = drawing.canvas(picture)
    in_picture = to_picture(decode(found["png"]), found["region"], found["picture_size"])
    for one in found["areas"]:
        if one["class"] > 0:
            drawing.tint(image, in_picture == one["class"], drawing.color_of(one["class"]))
    return drawing.with_caption(image, words(found)[:8])

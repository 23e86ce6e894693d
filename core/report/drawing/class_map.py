"""Segmentation: the class of every pixel as a coloured, translucent picture, with the names of its classes."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.report.drawing.changes import Mark
from core.report.drawing.shapes import MARK_COLORS
from core.report.drawing.svg import COLORS, Canvas, element, embedded, shortened

_OPACITY = 140
_MOST_PIXELS = 4096 * 4096
_LEAST_SHARE = 0.005
"""Of the map, from which a class is named."""

_MOST_NAMED = 8
_HATCHED_SIDE, _HATCH_STEP, _HATCH_LINE = 640, 9, 4
"""In pixels: longer side of the hatching, from line to line, and width of a line."""

_INK_RGB = (17, 17, 17)
_BACKGROUND = frozenset({"", "background", "__background__", "_background_", "bg"})


def draw_map(prediction: Mapping[str, Any], canvas: Canvas, *, class_names: Sequence[str]) -> str:
    """The map as an element that covers the picture.

    Raises:
        ValueError: the prediction is damaged.
    """
    return _over_picture(_colored(read_map(prediction), class_names), prediction, canvas, "map")


def draw_map_changes(
    source: Mapping[str, Any], other: Mapping[str, Any], canvas: Canvas, *, class_names: Sequence[str], is_source: bool
) -> str:
    """Hatching over the pixels on which two maps differ; nothing where they have other sizes.

    Args:
        source: one map.
        other: the other one.
        canvas: the picture.
        class_names: by index.
        is_source: whether it is drawn over the first map, on which what only that has is marked as lost; else over the
            other, on which what only the other has is marked as new. Another class is marked on both.

    Raises:
        ValueError: a prediction is damaged.
    """
    ours, theirs = read_map(source), read_map(other)
    if ours.shape != theirs.shape:
        return ""
    return _over_picture(_hatched(ours, theirs, class_names, is_source), source, canvas, "changes")


def _over_picture(png: bytes, prediction: Mapping[str, Any], canvas: Canvas, name: str) -> str:
    left, top, right, bottom = (float(share) for share in prediction.get("region") or (0, 0, 1, 1))
    if right <= left or bottom <= top:
        raise ValueError("the region is empty")
    width, height = canvas.width / (right - left), canvas.height / (bottom - top)
    place = {"x": -left * width, "y": -top * height, "width": width, "height": height}
    image = embedded(png, "png", {**place, "class": name, "image-rendering": "pixelated"})
    # A map of more than the picture is cut off at its edges.
    return element("svg", {"width": canvas.width, "height": canvas.height, "overflow": "hidden"}, image)


def legend(prediction: Mapping[str, Any], class_names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Name and colour of the classes that cover most of the map.

    Raises:
        ValueError: the prediction is damaged.
    """
    classes = read_map(prediction)
    counts = np.bincount(classes.ravel(), minlength=256)
    largest = [int(index) for index in np.argsort(-counts) if counts[index] >= _LEAST_SHARE * classes.size]
    shown = [index for index in largest if not is_background(index, class_names)][:_MOST_NAMED]
    return tuple(
        (shortened(class_names[index] if index < len(class_names) else f"#{index}", 24), color(index))
        for index in shown
    )


def color(index: int) -> str:
    """The colour of a class: those of :data:`COLORS`, then the same ones lighter, then darker."""
    red, green, blue = (int(COLORS[index % len(COLORS)][start : start + 2], 16) for start in (1, 3, 5))
    towards, share = ((0, 0.0), (255, 0.5), (0, 0.45))[index // len(COLORS) % 3]
    mixed = (round(value + (towards - value) * share) for value in (red, green, blue))
    return "#" + "".join(f"{value:02X}" for value in mixed)


def read_map(prediction: Mapping[str, Any]) -> NDArray[np.uint8]:
    """The class of every pixel, shape (height, width).

    Raises:
        ValueError: the prediction is damaged.
    """
    try:
        with Image.open(
            io.BytesIO(base64.b64decode(str(prediction.get("png")), validate=True)), formats=["PNG"]
        ) as png:
            if png.mode not in ("L", "P") or png.width * png.height > _MOST_PIXELS:
                raise ValueError(f"no map of classes: {png.mode}, {png.size}")
            return np.asarray(png, np.uint8)
    except (OSError, binascii.Error, SyntaxError) as exc:
        raise ValueError(f"no map of classes: {exc!r}") from exc


def _colored(classes: NDArray[np.uint8], class_names: Sequence[str]) -> bytes:
    palette = bytearray()
    for index in range(256):
        palette += bytes.fromhex(color(index)[1:])
    image = Image.fromarray(classes, "P")
    image.putpalette(bytes(palette), "RGB")
    opacity = bytes(0 if is_background(index, class_names) else _OPACITY for index in range(256))
    stream = io.BytesIO()
    image.save(stream, "PNG", transparency=opacity)
    return stream.getvalue()


def _hatched(ours: NDArray[np.uint8], theirs: NDArray[np.uint8], class_names: Sequence[str], is_source: bool) -> bytes:
    """A PNG, larger than the map so that the lines are finer than its pixels."""
    has_background = is_background(0, class_names)
    mine, yours = (each == 0 if has_background else np.zeros(each.shape, np.bool_) for each in (ours, theirs))
    differs = ours != theirs
    only = differs & (yours & ~mine if is_source else mine & ~yours)
    both = differs & ~mine & ~yours
    fine = max(1, _HATCHED_SIDE // max(ours.shape))
    rows, columns = np.indices((ours.shape[0] * fine, ours.shape[1] * fine))
    rising, falling = ((rows + sign * columns) % _HATCH_STEP < _HATCH_LINE for sign in (1, -1))
    pixels = np.zeros((*rows.shape, 4), np.uint8)
    hatching: tuple[tuple[NDArray[np.bool_], NDArray[np.bool_], Mark], ...] = (
        (only, rising if is_source else falling, "lost" if is_source else "new"),
        (both, rising | falling, "renamed"),
    )
    for region, lines, mark in hatching:
        large = np.kron(region, np.ones((fine, fine), np.bool_))
        pixels[large] = (*_INK_RGB, 110)
        pixels[large & lines] = (*bytes.fromhex(MARK_COLORS[mark][1:]), 255)
    stream = io.BytesIO()
    Image.fromarray(pixels, "RGBA").save(stream, "PNG")
    return stream.getvalue()


def is_background(index: int, class_names: Sequence[str]) -> bool:
    """Whether a class is the background: class 0, unless it has the name of a thing."""
    return index == 0 and (not class_names or class_names[0].strip().lower() in _BACKGROUND)

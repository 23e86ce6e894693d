"""Boxes, points, areas and text, drawn into a picture with Pillow alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from preprocessing import Array

_COLORS = (
    (230, 57, 70),
    (29, 132, 219),
    (42, 157, 82),
    (244, 140, 6),
    (131, 56, 236),
    (0, 150, 136),
    (216, 27, 146),
    (121, 85, 72),
    (96, 125, 139),
    (158, 157, 36),
)
_FONTS = (
    "NotoSansCJK-Regular.ttc",
    "wqy-microhei.ttc",
    "msyh.ttc",
    "PingFang.ttc",
    "Hiragino Sans GB.ttc",
    "DejaVuSans.ttf",
    "arial.ttf",
)
"""The first that this computer has; those with Chinese characters first."""

_LEAST_SIDE = 320
"""A smaller picture is enlarged before it is drawn on."""

_MOST_CHARACTERS = 60


def color_of(number: int) -> tuple[int, int, int]:
    """The colour of a class."""
    return _COLORS[number % len(_COLORS)]


def canvas(picture: Image.Image) -> tuple[Image.Image, float]:
    """A copy to draw on, and by how much it was enlarged."""
    factor = max(1, -(-_LEAST_SIDE // max(picture.size)))
    return picture.convert("RGB").resize((picture.width * factor, picture.height * factor)), float(factor)


def draw_box(image: Image.Image, corners: Sequence[tuple[float, float]], label: str, number: int) -> None:
    """A box by its four corners, with its label above the first one."""
    draw, width = ImageDraw.Draw(image), line_width(image)
    color = color_of(number)
    draw.line([*corners, corners[0], corners[1]], fill=color, width=width, joint="curve")
    draw_label(image, label, min(corners, key=lambda corner: (corner[1], corner[0])), color)


def draw_label(image: Image.Image, text: str, place: tuple[float, float], color: tuple[int, int, int]) -> None:
    """Text on a coloured ground, its lower left corner at a place, moved inside the picture."""
    draw, font = ImageDraw.Draw(image), font_of(max(12, round(max(image.size) / 50)))
    left, top, right, bottom = draw.textbbox((0, 0), _short(text), font=font)
    width, height = right - left + 8, bottom - top + 6
    x = min(max(0, place[0]), max(0, image.width - width))
    y = place[1] - height if place[1] >= height else place[1]
    y = min(max(0, y), max(0, image.height - height))
    draw.rectangle((x, y, x + width, y + height), fill=color)
    draw.text((x + 4 - left, y + 3 - top), _short(text), fill="white", font=font)


def draw_points(image: Image.Image, points: Iterable[Sequence[float]], number: int) -> None:
    """Dots at x, y."""
    draw, radius = ImageDraw.Draw(image), line_width(image) * 1.5
    for x, y, *_ in points:
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color_of(number), outline="white")


def tint(image: Image.Image, mask: Array, color: tuple[int, int, int], strength: float = 0.45) -> None:
    """Colour the pixels of a mask, shape (height, width) of any size, laid over the whole picture."""
    layer = Image.fromarray(mask.astype(np.uint8) * round(255 * strength)).resize(image.size, Image.Resampling.NEAREST)
    image.paste(Image.new("RGB", image.size, color), (0, 0), layer)


def with_caption(image: Image.Image, lines: Sequence[str]) -> Image.Image:
    """The picture with lines of text below it."""
    font = font_of(max(14, round(max(image.size) / 40)))
    step = round(font.size * 1.4) if isinstance(font, ImageFont.FreeTypeFont) else 16
    made = Image.new("RGB", (image.width, image.height + step * len(lines) + 12), "white")
    made.paste(image, (0, 0))
    draw = ImageDraw.Draw(made)
    for index, line in enumerate(lines):
        draw.text((8, image.height + 6 + index * step), _short(line), fill="black", font=font)
    return made


def line_width(image: Image.Image) -> int:
    """In proportion to the picture."""
    return max(2, round(max(image.size) / 300))


@cache
def font_of(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """A font of this computer, or Pillow's own, which has Latin letters only."""
    for name in _FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)


def save(image: Image.Image, path: Path) -> None:
    """Write the drawing; the ending of its name says in which format.

    Raises:
        OSError, ValueError: it cannot be written there, or there is no such format.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def _short(text: str) -> str:
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= _MOST_CHARACTERS else f"{one_line[: _MOST_CHARACTERS - 1]}…"

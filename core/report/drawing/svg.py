"""The parts of an SVG drawing: elements, embedded pictures, colours, and texts on plates."""

from __future__ import annotations

import base64
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias
from xml.sax.saxutils import escape, quoteattr

COLORS = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#CC79A7", "#D55E00", "#0072B2")
"""Distinguishable with any colour vision (Okabe and Ito, 2008)."""

INK, PAPER = "#111111", "#FFFFFF"

_FONTS = "system-ui, 'Segoe UI', Roboto, 'Noto Sans', 'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', sans-serif"
_LATIN_WIDTH = 0.56
"""Mean width of a letter in ems; ideographs are 1 em wide. The browser brings the text to the width that follows."""

_MOST_LETTERS = 60
_PADDING = 0.3
"""Of a plate around its text, in ems."""

_LINE_HEIGHT = 1.45
"""Height of a plate in ems."""

Attributes: TypeAlias = Mapping[str, object]


@dataclass(frozen=True)
class Canvas:
    """The picture that is drawn on, in its own pixels."""

    width: float
    height: float
    text_scale: float = 1.0
    """Of letters and lines, smaller than 1 where the picture is shown large."""

    @property
    def font_size(self) -> float:
        """Of labels: legible where the picture is shown a few hundred pixels wide."""
        return 0.034 * self.text_scale * max(self.width, 0.75 * self.height)

    @property
    def stroke(self) -> float:
        """Width of a line."""
        return 0.15 * self.font_size


@dataclass(frozen=True)
class Plate:
    """A text on a rectangle of a colour on which it can be read."""

    text: str
    left: float
    top: float
    font_size: float

    @property
    def width(self) -> float:
        """Including the padding."""
        return text_width(self.text, self.font_size) + 2 * _PADDING * self.font_size

    @property
    def height(self) -> float:
        """Of its rectangle."""
        return _LINE_HEIGHT * self.font_size

    def overlaps(self, other: Plate) -> bool:
        """Whether the two rectangles have a point in common."""
        return (
            abs(self.left + self.width / 2 - other.left - other.width / 2) < (self.width + other.width) / 2
            and abs(self.top - other.top) < (self.height + other.height) / 2
        )

    def svg(self, color: str) -> str:
        """Draw it."""
        rectangle = {"x": self.left, "y": self.top, "width": self.width, "height": self.height}
        baseline = self.top + 0.72 * self.height
        return element(
            "g",
            {"class": "plate"},
            element("rect", {**rectangle, "rx": 0.2 * self.font_size, "fill": color, "fill-opacity": 0.92}),
            text(self.text, self.left + _PADDING * self.font_size, baseline, self.font_size, ink_on(color)),
        )


def element(tag: str, attributes: Attributes, *children: str) -> str:
    """An element; attributes that are None are left out, and ``children`` are elements or escaped text."""
    written = "".join(
        f" {name}={quoteattr(number(value) if isinstance(value, (int, float)) else clean(str(value)))}"
        for name, value in attributes.items()
        if value is not None
    )
    return f"<{tag}{written}>{''.join(children)}</{tag}>" if children else f"<{tag}{written}/>"


def text(words: str, left: float, baseline: float, font_size: float, color: str) -> str:
    """A line of text, brought to the width that :func:`text_width` gives."""
    attributes = {
        "x": left,
        "y": baseline,
        "font-size": font_size,
        "font-family": _FONTS,
        "font-weight": "600",
        "fill": color,
        "textLength": text_width(words, font_size) or None,
        "lengthAdjust": "spacingAndGlyphs",
    }
    return element("text", attributes, escape(clean(words)) or " ")


def embedded(data: bytes, kind: str, attributes: Attributes) -> str:
    """An image element that holds its picture.

    Args:
        data: the picture's file.
        kind: ``jpeg`` or ``png``.
        attributes: place and size.
    """
    link = f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
    return element("image", {**attributes, "preserveAspectRatio": "none", "href": link})


def text_width(words: str, font_size: float) -> float:
    """Estimated width of a line of text, in the unit of the font size."""
    return font_size * sum(_letter_width(letter) for letter in words)


def shortened(words: str, most: int = _MOST_LETTERS) -> str:
    """One line of at most so many letters."""
    line = " ".join(clean(words).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def clean(words: str) -> str:
    """Without the characters that XML 1.0 does not allow."""
    return "".join(letter for letter in words if _is_xml(ord(letter)))


def number(value: float) -> str:
    """With two decimals at most."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def percent(share: float) -> str:
    """A share of 0 to 1 in whole per cent; 100% only where nothing is missing."""
    return f"{min(100 * share, 99 if share < 1 else 100):.0f}%"


def ink_on(color: str) -> str:
    """Black or white, whichever can be read better on a colour."""
    return INK if luminance(color) > 0.18 else PAPER


def luminance(color: str) -> float:
    """Relative luminance of ``#RRGGBB``, 0 to 1 (WCAG 2)."""
    channels = (int(color[start : start + 2], 16) / 255 for start in (1, 3, 5))
    linear = (value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels)
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _letter_width(letter: str) -> float:
    if unicodedata.combining(letter):
        return 0.0
    return 1.0 if unicodedata.east_asian_width(letter) in "WF" else _LATIN_WIDTH


def _is_xml(code: int) -> bool:
    return code in (0x9, 0xA, 0xD) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000

"""The frame of a chart as SVG: ticks, grid, titles. Colours are classes: print and a dark screen have their own."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from xml.sax.saxutils import escape

from core.report.drawing.svg import clean, element, number

_TICKS = 6
_TICK_LENGTH = 5.0


@dataclass(frozen=True)
class Axis:
    """From values to places in the drawing."""

    low: float
    high: float
    start: float
    """Place of the lowest value."""

    end: float

    def place(self, value: float) -> float:
        """Of a value; one outside is at the end."""
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return self.start + min(1.0, max(0.0, share)) * (self.end - self.start)

    def ticks(self, *, least: float = -math.inf, most: float = math.inf) -> list[float]:
        """Round values at even distances: multiples of 1, 2 or 5 times a power of ten.

        Args:
            least: no tick is below it.
            most: none is above it.
        """
        span = self.high - self.low
        if not span > 0 or not math.isfinite(span):
            return [self.low]
        rough = span / _TICKS
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        values = (index * step for index in range(first, last + 1))
        return [value for value in values if least - 1e-9 <= value <= most + 1e-9]


def chart(width: float, height: float, title: str, description: str, *children: str) -> str:
    """A drawing that is as wide as its place.

    Args:
        width: of its own coordinates.
        height: likewise.
        title: its name, which is read aloud.
        description: what it shows, likewise.
        children: its elements.
    """
    root = {"viewBox": f"0 0 {number(width)} {number(height)}", "class": "chart", "role": "img"}
    names = (element("title", {}, words(title)), element("desc", {}, words(description)))
    return element("svg", {**root, "xmlns": "http://www.w3.org/2000/svg"}, *names, *children)


def words(text: str) -> str:
    """Text for an element, escaped."""
    return escape(clean(text)) or " "


def label(text: str, x: float, y: float, kind: str = "", *, anchor: str = "start", turn: float | None = None) -> str:
    """A line of text.

    Args:
        text: the words.
        x: of its anchor.
        y: of its baseline.
        kind: classes of it.
        anchor: ``start``, ``middle`` or ``end``.
        turn: degrees by which it is turned round its anchor.
    """
    turned = None if turn is None else f"rotate({number(turn)} {number(x)} {number(y)})"
    attributes = {"x": x, "y": y, "class": kind or None, "text-anchor": anchor, "transform": turned}
    return element("text", attributes, words(text))


def across(
    axis: Axis, top: float, bottom: float, ticks: Sequence[float], format_value: Callable[[float], str]
) -> Iterator[str]:
    """The grid and the numbers of a horizontal axis."""
    for value in ticks:
        x = axis.place(value)
        yield line(x, top, x, bottom + _TICK_LENGTH, "grid")
        yield label(format_value(value), x, bottom + 20, "tick", anchor="middle")


def up(
    axis: Axis, left: float, right: float, ticks: Sequence[float], format_value: Callable[[float], str]
) -> Iterator[str]:
    """The grid and the numbers of a vertical axis."""
    for value in ticks:
        y = axis.place(value)
        yield line(left - _TICK_LENGTH, y, right, y, "grid")
        yield label(format_value(value), left - 9, y + 4, "tick", anchor="end")


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A straight line."""
    return element("line", {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "class": kind})


def decimals(ticks: Sequence[float]) -> int:
    """Decimal places that tell the ticks apart."""
    steps = [abs(after - before) for before, after in pairwise(ticks)]
    return 0 if not steps else min(6, max(0, -math.floor(math.log10(min(steps)) + 1e-9)))

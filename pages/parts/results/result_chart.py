"""Chart of size against accuracy: the best files are at the upper left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import pandas as pd
import streamlit as st

from core.report.schema import ComparisonEntry, OutcomeEntry, Report
from core.targets import TARGETS, target_by_id
from pages.parts.widgets import number_format
from pages.parts.widgets.language import t
from pages.parts.widgets.served_files import theme

_HEIGHT = 340
_LEAST_WIDTH = 600
"""Of the chart in a narrow window, in pixels; in a wider one the labels are further apart."""

_ORIGINAL_COLOR = "#8A9499"
_FORMAT_COLORS = ("#1D8475", "#D9822B", "#5B6FB5", "#A4508B")
"""Of the formats, in the order of the targets."""

_INK = {"light": "#1F2A2E", "dark": "#E7ECEA"}
_LINE, _LETTER, _IDEOGRAPH = 15, 7, 12
"""Height of a line, and widths of a Latin letter and of a Chinese one, in pixels."""

_OFFSETS = (-16, 18, -32, 34, -48, 50, -64, 66)
"""Offsets of a label above (negative) or below its point, in pixels; the first free one is taken."""


@dataclass(frozen=True)
class _Point:
    name: str
    family: str
    megabytes: float
    size: str
    accuracy: float


@dataclass(frozen=True)
class _Frame:
    """What the axes show."""

    right: float
    """Largest size, in MB."""

    floor: float
    """Lowest accuracy."""

    top: float
    """Highest accuracy, with space for labels above it."""


def show_chart(report: Report) -> None:
    """Draw the chart, with the best measure of accuracy that is known; nothing where there is only the original."""
    measure, points = _points(report)
    if len(points) < 2:
        return
    frame = _frame(points)
    sizes = alt.Scale(domain=[0, frame.right], nice=False)
    x = alt.X("megabytes:Q", title=t("Size in MB"), scale=sizes, axis=alt.Axis(tickCount=8))
    # The space above 100% is for labels only.
    axis = alt.Axis(format=".1%", tickCount=6, labelExpr="datum.value > 1.00001 ? '' : datum.label")
    y = alt.Y("accuracy:Q", title=measure, scale=alt.Scale(domain=[frame.floor, frame.top]), axis=axis)
    labels = [
        _label(point, offset, x=x, y=y) for point, offset in zip(points, _label_offsets(points, frame), strict=True)
    ]
    chart = alt.layer(_dots(points, measure, x=x, y=y), *labels).properties(height=_HEIGHT)
    st.altair_chart(chart, alt=t("Size and accuracy of each file"))


def _points(report: Report) -> tuple[str, list[_Point]]:
    source = report.source
    best, measure, value = 1.0, t("Similarity"), _similarity
    if source.top1 is not None:
        best, measure, value = source.top1, t("Right answers"), _accuracy
    elif any(
        outcome.comparison is not None and outcome.comparison.agreement is not None for outcome in report.converted
    ):
        measure, value = t("Same answers"), _agreement
    size = source.size_bytes
    points = [_Point(t("Original"), t("Original"), size / 1e6, number_format.size(size), best)]
    made = [(outcome, value(outcome.comparison)) for outcome in report.converted if outcome.comparison is not None]
    return measure, points + [_point(outcome, accuracy) for outcome, accuracy in made if accuracy is not None]


def _similarity(comparison: ComparisonEntry) -> float | None:
    return comparison.cosine


def _accuracy(comparison: ComparisonEntry) -> float | None:
    return comparison.top1


def _agreement(comparison: ComparisonEntry) -> float | None:
    return comparison.agreement


def _point(outcome: OutcomeEntry, accuracy: float) -> _Point:
    target, size = target_by_id(outcome.target), outcome.size_bytes or 0
    return _Point(t(target.title), target.format.name, size / 1e6, number_format.size(size), accuracy)


def _frame(points: Sequence[_Point]) -> _Frame:
    """Axes of at least 2% height, so that a loss of a few per mille does not look large."""
    lowest, highest = min(point.accuracy for point in points), max(point.accuracy for point in points)
    margin = max((highest - lowest) * 0.35, 0.01)
    return _Frame(max(point.megabytes for point in points) * 1.15, lowest - margin, highest + margin)


def _dots(points: Sequence[_Point], measure: str, *, x: alt.X, y: alt.Y) -> alt.Chart:
    formats = list(dict.fromkeys(target.format.name for target in TARGETS))
    colors = alt.Scale(domain=[t("Original"), *formats], range=[_ORIGINAL_COLOR, *_FORMAT_COLORS[: len(formats)]])
    legend = alt.Legend(orient="bottom")
    tooltip = [
        alt.Tooltip("name:N", title=t("File")),
        alt.Tooltip("size:N", title=t("Size")),
        alt.Tooltip("accuracy:Q", title=measure, format=".2%"),
    ]
    dots: alt.Chart = (
        alt.Chart(pd.DataFrame(points))
        .mark_point(size=150, filled=True, opacity=0.9)
        .encode(
            x=x,
            y=y,
            color=alt.Color("family:N", title=None, scale=colors, legend=legend),
            shape=alt.Shape("family:N", title=None, scale=alt.Scale(domain=colors.domain), legend=legend),
            tooltip=tooltip,
        )
    )
    return dots


def _label(point: _Point, offset: int, *, x: alt.X, y: alt.Y) -> alt.Chart:
    """The name of one point: a layer of its own, since a layer has one offset for all its points."""
    label: alt.Chart = (
        alt.Chart(pd.DataFrame([point]))
        .mark_text(dy=offset, fontSize=12, color=_INK[theme()])
        .encode(x=x, y=y, text=alt.Text("name:N"))
    )
    return label


def _label_offsets(points: Sequence[_Point], frame: _Frame) -> list[int]:
    """Offsets at which no two labels overlap."""
    taken: list[tuple[float, float, float]] = []
    offsets = []
    for point in points:
        across = point.megabytes / frame.right * _LEAST_WIDTH
        down = (frame.top - point.accuracy) / (frame.top - frame.floor) * _HEIGHT
        half_width = sum(_LETTER if letter.isascii() else _IDEOGRAPH for letter in point.name) / 2
        offset = next(
            (offset for offset in _OFFSETS if _is_free(taken, across, down + offset, half_width)), _OFFSETS[0]
        )
        taken.append((across, down + offset, half_width))
        offsets.append(offset)
    return offsets


def _is_free(taken: Sequence[tuple[float, float, float]], across: float, down: float, half_width: float) -> bool:
    if not _LINE / 2 < down < _HEIGHT - _LINE / 2:
        return False
    return all(abs(across - x) > half_width + other or abs(down - y) > _LINE for x, y, other in taken)

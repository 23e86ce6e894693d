"""Chart of size against what a file keeps of the original: the best files are at the upper left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from core.report import size_chart
from core.report.schema import Report
from core.report.size_chart import Frame, Measure, Point
from core.targets import TARGETS
from pages.parts.widgets.language import t
from pages.parts.widgets.served_files import theme

_HEIGHT = 320
"""Of the plot, in pixels."""

_AROUND = 130
"""Height of what stands below the plot, axis and legend, which Streamlit counts as part of the chart."""

_LEAST_WIDTH = 600
"""Of the chart in a narrow window, in pixels; in a wider one the labels are further apart."""

_ORIGINAL_COLOR = "#8A9499"
_FORMAT_COLORS = ("#1D8475", "#D9822B", "#5B6FB5", "#A4508B")
"""Of the formats, in the order of the targets."""

_INK = {"light": "#1F2A2E", "dark": "#E7ECEA"}
_PAGE = {"light": "#FBFAF7", "dark": "#14191B"}


def show_chart(report: Report) -> None:
    """Draw the chart; nothing where there is nothing to compare."""
    measure = size_chart.measure(report)
    points = size_chart.points(report, measure)
    if len(points) < 2:
        return
    variants = size_chart.variant_points(report, measure)
    frame = size_chart.frame([*points, *variants])
    x, y = _x(frame), _y("accuracy", measure, frame)
    names = [t(point.name) for point in points]
    offsets = size_chart.label_offsets(points, names, frame, width=_LEAST_WIDTH, height=_HEIGHT, variants=variants)
    labels = (layer for point, offset in zip(points, offsets, strict=True) for layer in _label(point, offset, x=x, y=y))
    layers = [
        *_curves(variants, measure, x=x, y=y),
        _intervals(points, x=x, y=_y("low", measure, frame)),
        _dots(points, measure, x=x, y=y),
        *labels,
    ]
    if measure.is_truth:
        layers.insert(0, _original_line(measure, y))
    st.altair_chart(alt.layer(*layers).properties(height=_HEIGHT + _AROUND), alt=t("Size and accuracy of each file"))
    has_bars = any(point.low < point.high for point in points)
    for explanation in size_chart.explanations(measure, has_bars=has_bars, has_variants=bool(variants)):
        st.caption(t(explanation))


def _rows(points: Sequence[Point]) -> pd.DataFrame:
    return pd.DataFrame([_row(point) for point in points])


def _row(point: Point) -> dict[str, Any]:
    words = {"name": t(point.name), "family": t(point.family), "interval": t(point.interval)}
    figures = {"megabytes": point.megabytes, "accuracy": point.accuracy, "low": point.low, "high": point.high}
    return {**words, **figures, "size": point.size, "file": point.file}


def _x(frame: Frame) -> alt.X:
    sizes = alt.Scale(domain=[0, frame.right], nice=False)
    return alt.X("megabytes:Q", title=t("Size in MB"), scale=sizes, axis=alt.Axis(tickCount=8))


def _y(field: str, measure: Measure, frame: Frame) -> alt.Y:
    # The space above 100% is for labels only.
    hidden = "datum.value > 1.00001 || datum.value < -0.00001 ? '' : datum.label"
    axis = alt.Axis(format=".1%" if measure.is_share else ".4f", tickCount=6, labelExpr=hidden)
    scale = alt.Scale(domain=[frame.floor, frame.top])
    return alt.Y(f"{field}:Q", title=t(measure.title), scale=scale, axis=axis)


def _original_line(measure: Measure, y: alt.Y) -> alt.Chart:
    line: alt.Chart = (
        alt.Chart(pd.DataFrame([{"accuracy": measure.of_original}]))
        .mark_rule(strokeDash=[6, 4], color=_ORIGINAL_COLOR)
        .encode(y=y)
    )
    return line


def _intervals(points: Sequence[Point], *, x: alt.X, y: alt.Y) -> alt.Chart:
    bars: alt.Chart = (
        alt.Chart(_rows([point for point in points if point.low < point.high] or [points[0]]))
        .mark_rule(strokeWidth=2, opacity=0.55, clip=True)
        .encode(x=x, y=y, y2=alt.Y2("high:Q"), color=_color())
    )
    return bars


def _curves(variants: Sequence[Point], measure: Measure, *, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """A line through the variants of each file, and a small ring for each; nothing where there are none."""
    if not variants:
        return []
    base = alt.Chart(_rows(variants)).encode(x=x, y=y, color=_color())
    lines: alt.Chart = base.mark_line(strokeWidth=1.5, opacity=0.5, strokeDash=[2, 3]).encode(detail="file:N")
    rings: alt.Chart = base.mark_point(size=60, filled=False, strokeWidth=2).encode(tooltip=_tooltip(measure))
    return [lines, rings]


def _tooltip(measure: Measure) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("name:N", title=t("File")),
        alt.Tooltip("size:N", title=t("Size")),
        alt.Tooltip("interval:N", title=t(measure.title)),
    ]


def _families() -> list[str]:
    return [t("Original"), *dict.fromkeys(target.format.name for target in TARGETS)]


def _color() -> alt.Color:
    families = _families()
    scale = alt.Scale(domain=families, range=[_ORIGINAL_COLOR, *_FORMAT_COLORS[: len(families) - 1]])
    return alt.Color("family:N", title=None, scale=scale, legend=alt.Legend(orient="bottom"))


def _dots(points: Sequence[Point], measure: Measure, *, x: alt.X, y: alt.Y) -> alt.Chart:
    legend = alt.Legend(orient="bottom")
    shape = alt.Shape("family:N", title=None, scale=alt.Scale(domain=_families()), legend=legend)
    dots: alt.Chart = (
        alt.Chart(_rows(points))
        .mark_point(size=150, filled=True, opacity=0.9)
        .encode(x=x, y=y, color=_color(), shape=shape, tooltip=_tooltip(measure))
    )
    return dots


def _label(point: Point, offset: int, *, x: alt.X, y: alt.Y) -> tuple[alt.Chart, alt.Chart]:
    """The name of one point: layers of its own, since a layer has one offset for all its points."""
    base = alt.Chart(_rows([point])).encode(x=x, y=y, text=alt.Text("name:N"))
    # Text on its own outline in the colour of the page can be read over lines.
    page = _PAGE[theme()]
    outline: alt.Chart = base.mark_text(dy=offset, fontSize=12, color=page, stroke=page, strokeWidth=4)
    name: alt.Chart = base.mark_text(dy=offset, fontSize=12, color=_INK[theme()])
    return outline, name

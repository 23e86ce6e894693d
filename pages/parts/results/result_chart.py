"""Chart of size against what a file keeps of the original: the best files are at the upper left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import pandas as pd
import streamlit as st

from core.common.percent import percent
from core.common.text import Text, say
from core.job.comparison import TruthFigure
from core.report.schema import ComparisonEntry, OutcomeEntry, Report
from core.report.wording import (
    AGREEMENT_TITLES,
    SIMILARITY_TITLE,
    TRUTH_TITLES,
    agreement_metric,
    difference,
    truth_of,
    with_interval,
)
from core.targets import TARGETS, target_by_id
from pages.parts.widgets import number_format
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
_LINE, _LETTER, _IDEOGRAPH, _DOT = 15, 7, 12, 14
"""Height of a line, and widths of a Latin letter, of a Chinese one and of a point, in pixels."""

_OFFSETS = (-16, 18, -32, 34, -48, 50, -64, 66)
"""Offsets of a label above (negative) or below its point, in pixels; the first free one is taken."""


@dataclass(frozen=True)
class _Point:
    name: str
    family: str
    megabytes: float
    size: str
    accuracy: float
    low: float
    """Lower end of the 95% confidence interval; the accuracy itself where there is none."""

    high: float
    interval: str
    file: str = ""
    """By which the variants of one file are joined."""


@dataclass(frozen=True)
class _Frame:
    """What the axes show."""

    right: float
    """Largest size, in MB."""

    floor: float
    """Lowest accuracy."""

    top: float
    """Highest accuracy, with space for labels above it."""


@dataclass(frozen=True)
class _Measure:
    """What the vertical axis shows."""

    title: str
    of_original: float
    is_truth: bool
    """Measured against labels, where the original is not right always; else 1 is the original."""

    is_share: bool = True
    """Shown in per cent."""


def chart_title(report: Report) -> Text:
    """What the chart shows."""
    measure = _measure(report)
    if measure.is_truth:
        return say("Size and accuracy")
    return say("Size and agreement") if measure.is_share else say("Size and similarity")


def show_chart(report: Report) -> None:
    """Draw the chart: figures against labels where there are any; else how far files keep the original's answers."""
    measure = _measure(report)
    points = _points(report, measure)
    if len(points) < 2:
        return
    variants = _variants(report, measure)
    frame = _frame([*points, *variants])
    x, y = _x(frame), _y("accuracy", measure, frame)
    labels = (
        layer
        for point, offset in zip(points, _label_offsets(points, frame), strict=True)
        for layer in _label(point, offset, x=x, y=y)
    )
    layers = [
        *_curves(variants, measure, x=x, y=y),
        _intervals(points, x=x, y=_y("low", measure, frame)),
        _dots(points, measure, x=x, y=y),
        *labels,
    ]
    if measure.is_truth:
        layers.insert(0, _original_line(measure, y))
    st.altair_chart(alt.layer(*layers).properties(height=_HEIGHT + _AROUND), alt=t("Size and accuracy of each file"))
    explanation = _explanation(measure, has_bars=any(point.low < point.high for point in points))
    if explanation is not None:
        st.caption(t(explanation))
    if variants:
        st.caption(t("The rings on a dotted line are files that you can take in the place of the one on it."))


def _x(frame: _Frame) -> alt.X:
    sizes = alt.Scale(domain=[0, frame.right], nice=False)
    return alt.X("megabytes:Q", title=t("Size in MB"), scale=sizes, axis=alt.Axis(tickCount=8))


def _y(field: str, measure: _Measure, frame: _Frame) -> alt.Y:
    # The space above 100% is for labels only.
    hidden = "datum.value > 1.00001 || datum.value < -0.00001 ? '' : datum.label"
    axis = alt.Axis(format=".1%" if measure.is_share else ".4f", tickCount=6, labelExpr=hidden)
    scale = alt.Scale(domain=[frame.floor, frame.top])
    return alt.Y(f"{field}:Q", title=measure.title, scale=scale, axis=axis)


def _explanation(measure: _Measure, *, has_bars: bool) -> Text | None:
    if not measure.is_share:
        return say("Similarity of numbers is not accuracy.")
    if measure.is_truth:
        if not has_bars:
            return say("The dashed line is the original.")
        return say("The dashed line is the original. The bars are 95% confidence intervals of the difference from it.")
    return say("The bars are 95% confidence intervals: the more test pictures, the shorter.") if has_bars else None


def _measure(report: Report) -> _Measure:
    truth, metric = report.source.truth[:1], agreement_metric(report)
    if truth and any(_truth(outcome.comparison, report) is not None for outcome in report.converted):
        return _Measure(t(TRUTH_TITLES[truth[0].metric]), truth[0].value, is_truth=True)
    if metric is not None:
        return _Measure(t(AGREEMENT_TITLES[metric]), 1.0, is_truth=False)
    return _Measure(t(SIMILARITY_TITLE), 1.0, is_truth=False, is_share=False)


def _points(report: Report, measure: _Measure) -> list[_Point]:
    size, best = report.source.size_bytes, measure.of_original
    first = _Point(t("Original"), t("Original"), size / 1e6, number_format.size(size), best, best, best, "")
    made = (_point(outcome, report, measure) for outcome in report.converted)
    return [first, *(point for point in made if point is not None)]


def _point(outcome: OutcomeEntry, report: Report, measure: _Measure) -> _Point | None:
    return _point_of(outcome, outcome.comparison, outcome.size_bytes or 0, report, measure)


def _point_of(
    outcome: OutcomeEntry, comparison: ComparisonEntry | None, size: int, report: Report, measure: _Measure
) -> _Point | None:
    found = None if comparison is None else _figure(comparison, report, measure)
    if found is None:
        return None
    target = target_by_id(outcome.target)
    return _Point(t(target.title), target.format.name, size / 1e6, number_format.size(size), *found, outcome.target)


def _variants(report: Report, measure: _Measure) -> list[_Point]:
    """The files from which those that are in use were chosen, these among them."""
    points = (
        _point_of(outcome, variant.comparison, variant.size_bytes, report, measure)
        for outcome in report.converted
        for variant in outcome.variants
    )
    return [point for point in points if point is not None]


def _figure(comparison: ComparisonEntry, report: Report, measure: _Measure) -> tuple[float, float, float, str] | None:
    """Value, lower and upper end, and the same in words."""
    if measure.is_truth:
        return _truth_figure(_truth(comparison, report), measure.of_original)
    if not measure.is_share:
        cosine = comparison.cosine
        return cosine, cosine, cosine, number_format.similarity(cosine)
    agreement = comparison.agreement
    return None if agreement is None else (agreement.value, agreement.low, agreement.high, t(with_interval(agreement)))


def _truth_figure(figure: TruthFigure | None, original: float) -> tuple[float, float, float, str] | None:
    if figure is None:
        return None
    by = difference(figure)
    words = percent(figure.value) if by is None else f"{percent(figure.value)}, {t(by)}"
    if figure.low is None or figure.high is None:
        return figure.value, figure.value, figure.value, words
    return figure.value, original + figure.low, original + figure.high, words


def _truth(comparison: ComparisonEntry | None, report: Report) -> TruthFigure | None:
    figures = () if comparison is None else comparison.truth
    return truth_of(figures, report.source.truth[0].metric) if report.source.truth else None


def _frame(points: Sequence[_Point]) -> _Frame:
    """Axes of at least 2% height, so that a loss of a few per mille does not look large."""
    lowest, highest = min(point.low for point in points), max(max(point.high, point.accuracy) for point in points)
    margin = max((highest - lowest) * 0.2, 0.01)
    return _Frame(max(point.megabytes for point in points) * 1.15, lowest - margin, highest + margin)


def _original_line(measure: _Measure, y: alt.Y) -> alt.Chart:
    line: alt.Chart = (
        alt.Chart(pd.DataFrame([{"accuracy": measure.of_original}]))
        .mark_rule(strokeDash=[6, 4], color=_ORIGINAL_COLOR)
        .encode(y=y)
    )
    return line


def _intervals(points: Sequence[_Point], *, x: alt.X, y: alt.Y) -> alt.Chart:
    bars: alt.Chart = (
        alt.Chart(pd.DataFrame([point for point in points if point.low < point.high] or [points[0]]))
        .mark_rule(strokeWidth=2, opacity=0.55)
        .encode(x=x, y=y, y2=alt.Y2("high:Q"), color=_color())
    )
    return bars


def _curves(variants: Sequence[_Point], measure: _Measure, *, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """A line through the variants of each file, and a small ring for each; nothing where there are none."""
    if not variants:
        return []
    base = alt.Chart(pd.DataFrame(variants)).encode(x=x, y=y, color=_color())
    lines: alt.Chart = base.mark_line(strokeWidth=1.5, opacity=0.5, strokeDash=[2, 3]).encode(detail="file:N")
    rings: alt.Chart = base.mark_point(size=60, filled=False, strokeWidth=2).encode(tooltip=_tooltip(measure))
    return [lines, rings]


def _tooltip(measure: _Measure) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("name:N", title=t("File")),
        alt.Tooltip("size:N", title=t("Size")),
        alt.Tooltip("interval:N", title=measure.title),
    ]


def _families() -> list[str]:
    return [t("Original"), *dict.fromkeys(target.format.name for target in TARGETS)]


def _color() -> alt.Color:
    families = _families()
    scale = alt.Scale(domain=families, range=[_ORIGINAL_COLOR, *_FORMAT_COLORS[: len(families) - 1]])
    return alt.Color("family:N", title=None, scale=scale, legend=alt.Legend(orient="bottom"))


def _dots(points: Sequence[_Point], measure: _Measure, *, x: alt.X, y: alt.Y) -> alt.Chart:
    legend = alt.Legend(orient="bottom")
    shape = alt.Shape("family:N", title=None, scale=alt.Scale(domain=_families()), legend=legend)
    dots: alt.Chart = (
        alt.Chart(pd.DataFrame(points))
        .mark_point(size=150, filled=True, opacity=0.9)
        .encode(x=x, y=y, color=_color(), shape=shape, tooltip=_tooltip(measure))
    )
    return dots


def _label(point: _Point, offset: int, *, x: alt.X, y: alt.Y) -> tuple[alt.Chart, alt.Chart]:
    """The name of one point: layers of its own, since a layer has one offset for all its points."""
    base = alt.Chart(pd.DataFrame([point])).encode(x=x, y=y, text=alt.Text("name:N"))
    # Text on its own outline in the colour of the page can be read over lines.
    page = _PAGE[theme()]
    outline: alt.Chart = base.mark_text(dy=offset, fontSize=12, color=page, stroke=page, strokeWidth=4)
    name: alt.Chart = base.mark_text(dy=offset, fontSize=12, color=_INK[theme()])
    return outline, name


def _label_offsets(points: Sequence[_Point], frame: _Frame) -> list[int]:
    """Offsets at which no label overlaps another one or a point."""
    places = [
        (
            point.megabytes / frame.right * _LEAST_WIDTH,
            (frame.top - point.accuracy) / (frame.top - frame.floor) * _HEIGHT,
        )
        for point in points
    ]
    taken = [(across, down, _DOT / 2) for across, down in places]
    offsets = []
    for point, (across, down) in zip(points, places, strict=True):
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

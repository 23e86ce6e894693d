"""The chart of size against what a file keeps of the original, as data: the best files are at the upper left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.common import number_format
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
from core.targets import target_by_id

ORIGINAL = say("Original")

_LINE, _LETTER, _IDEOGRAPH, _DOT = 15, 7, 12, 14
"""Height of a line, and widths of a Latin letter, of a Chinese one and of a point, in pixels."""

_OFFSETS = (-16, 18, -32, 34, -48, 50, -64, 66)
"""Offsets of a label above (negative) or below its point, in pixels; the first free one is taken."""


@dataclass(frozen=True)
class Measure:
    """What the vertical axis shows."""

    title: Text
    of_original: float
    is_truth: bool
    """Measured against labels, where the original is not right always; else 1 is the original."""

    is_share: bool = True
    """Shown in per cent."""


@dataclass(frozen=True)
class Point:
    """One file."""

    name: Text
    family: Text
    """The original, or the format."""

    megabytes: float
    size: str
    accuracy: float
    low: float
    """Lower end of the 95% confidence interval; the accuracy itself where there is none."""

    high: float
    interval: Text
    """The accuracy with its interval."""

    file: str = ""
    """By which the variants of one file are joined."""


@dataclass(frozen=True)
class Frame:
    """What the axes show."""

    right: float
    """Largest size, in MB."""

    floor: float
    """Lowest accuracy."""

    top: float
    """Highest accuracy, with space for labels above it."""


def chart_title(report: Report) -> Text:
    """What the chart shows."""
    found = measure(report)
    if found.is_truth:
        return say("Size and accuracy")
    return say("Size and agreement") if found.is_share else say("Size and similarity")


def measure(report: Report) -> Measure:
    """Figures against labels where there are any; else how far files keep the original's answers."""
    truth, metric = report.source.truth[:1], agreement_metric(report)
    if truth and any(_truth(outcome.comparison, report) is not None for outcome in report.converted):
        return Measure(TRUTH_TITLES[truth[0].metric], truth[0].value, is_truth=True)
    if metric is not None:
        return Measure(AGREEMENT_TITLES[metric], 1.0, is_truth=False)
    return Measure(SIMILARITY_TITLE, 1.0, is_truth=False, is_share=False)


def points(report: Report, shown: Measure) -> list[Point]:
    """The original, and each file of which the measure is known."""
    size, best = report.source.size_bytes, shown.of_original
    first = Point(ORIGINAL, ORIGINAL, size / 1e6, number_format.size(size), best, best, best, Text(""))
    made = (_point(outcome, outcome.comparison, outcome.size_bytes or 0, report, shown) for outcome in report.converted)
    return [first, *(point for point in made if point is not None)]


def variant_points(report: Report, shown: Measure) -> list[Point]:
    """The files from which those that are in use were chosen, these among them."""
    found = (
        _point(outcome, variant.comparison, variant.size_bytes, report, shown)
        for outcome in report.converted
        for variant in outcome.variants
    )
    return [point for point in found if point is not None]


def frame(shown: Sequence[Point]) -> Frame:
    """Axes of at least 2% height, so that a loss of a few per mille does not look large.

    Below 0, where no share is, there is no more space than for a point.
    """
    lowest, highest = min(point.low for point in shown), max(max(point.high, point.accuracy) for point in shown)
    margin = max((highest - lowest) * 0.2, 0.01)
    floor = lowest - margin if min(point.accuracy for point in shown) < 0 else max(lowest - margin, -0.1 * highest)
    return Frame(max(point.megabytes for point in shown) * 1.15, floor, highest + margin)


def explanations(shown: Measure, *, has_bars: bool, has_variants: bool) -> tuple[Text, ...]:
    """What stands below the chart."""
    found = [_explanation(shown, has_bars=has_bars)]
    if has_variants:
        found.append(say("The rings on a dotted line are files that you can take in the place of the one on it."))
    return tuple(text for text in found if text is not None)


def label_offsets(
    shown: Sequence[Point],
    names: Sequence[str],
    limits: Frame,
    *,
    width: float,
    height: float,
    variants: Sequence[Point] = (),
) -> list[int]:
    """Vertical offsets at which no label overlaps another one or a point, in pixels.

    Args:
        shown: the points.
        names: their labels.
        limits: of the axes.
        width: of the plot in pixels.
        height: of the plot in pixels.
        variants: points without labels.
    """
    every = [
        (
            point.megabytes / limits.right * width,
            (limits.top - point.accuracy) / (limits.top - limits.floor) * height,
        )
        for point in (*shown, *variants)
    ]
    places, taken = every[: len(shown)], [(across, down, _DOT / 2) for across, down in every]
    offsets = []
    for name, (across, down) in zip(names, places, strict=True):
        half_width = label_width(name) / 2
        offset = next(
            (offset for offset in _OFFSETS if _is_free(taken, across, down + offset, half_width, height)), _OFFSETS[0]
        )
        taken.append((across, down + offset, half_width))
        offsets.append(offset)
    return offsets


def label_width(name: str) -> float:
    """Estimated width of a label, in pixels."""
    return sum(_LETTER if letter.isascii() else _IDEOGRAPH for letter in name)


def _is_free(
    taken: Sequence[tuple[float, float, float]], across: float, down: float, half_width: float, height: float
) -> bool:
    if not _LINE / 2 < down < height - _LINE / 2:
        return False
    return all(abs(across - x) > half_width + other or abs(down - y) > _LINE for x, y, other in taken)


def _explanation(shown: Measure, *, has_bars: bool) -> Text | None:
    if not shown.is_share:
        return say("Similarity of numbers is not accuracy.")
    if shown.is_truth:
        if not has_bars:
            return say("The dashed line is the original.")
        return say("The dashed line is the original. The bars are 95% confidence intervals of the difference from it.")
    return say("The bars are 95% confidence intervals: the more test pictures, the shorter.") if has_bars else None


def _point(
    outcome: OutcomeEntry, comparison: ComparisonEntry | None, size: int, report: Report, shown: Measure
) -> Point | None:
    found = None if comparison is None else _figure(comparison, report, shown)
    if found is None:
        return None
    target = target_by_id(outcome.target)
    family = Text(target.format.name)
    return Point(target.title, family, size / 1e6, number_format.size(size), *found, outcome.target)


def _figure(comparison: ComparisonEntry, report: Report, shown: Measure) -> tuple[float, float, float, Text] | None:
    """Value, lower and upper end, and the same in words."""
    if shown.is_truth:
        return _truth_figure(_truth(comparison, report), shown.of_original)
    if not shown.is_share:
        cosine = comparison.cosine
        return cosine, cosine, cosine, Text(number_format.similarity(cosine))
    agreement = comparison.agreement
    return None if agreement is None else (agreement.value, agreement.low, agreement.high, with_interval(agreement))


def _truth_figure(figure: TruthFigure | None, original: float) -> tuple[float, float, float, Text] | None:
    if figure is None:
        return None
    by, own = difference(figure), percent(figure.value)
    words = Text(own) if by is None else say("{value}, {difference}", value=own, difference=by)
    if figure.low is None or figure.high is None:
        return figure.value, figure.value, figure.value, words
    return figure.value, original + figure.low, original + figure.high, words


def _truth(comparison: ComparisonEntry | None, report: Report) -> TruthFigure | None:
    figures = () if comparison is None else comparison.truth
    return truth_of(figures, report.source.truth[0].metric) if report.source.truth else None

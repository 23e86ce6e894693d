"""The charts of the files: size against what each keeps, and the time of one run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from core.common import number_format
from core.common.text import say
from core.html_report.axes import Axis, across, chart, decimals, label, line, up
from core.html_report.parts import Chart, Tell
from core.job.comparison import Latency
from core.report import size_chart
from core.report.drawing.svg import element, number
from core.report.schema import OutcomeEntry, Report
from core.report.size_chart import Frame, Measure, Point
from core.targets import TARGETS, target_by_id

_WIDTH, _HEIGHT = 720.0, 400.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 74.0, 16.0, 14.0, 84.0
"""Of what is around the plot."""

_BAR, _ROW = 13.0, 42.0
_NAMES, _VALUES = 150.0, 96.0
"""Widths left and right of the bars of times."""


def size_drawing(report: Report, tell: Tell) -> Chart | None:
    """Size against what each file keeps, with 95% intervals; None where there is nothing to compare."""
    measure = size_chart.measure(report)
    points = size_chart.points(report, measure)
    if len(points) < 2:
        return None
    variants = size_chart.variant_points(report, measure)
    frame = size_chart.frame([*points, *variants])
    x = Axis(0.0, frame.right, _LEFT, _WIDTH - _RIGHT)
    y = Axis(frame.floor, frame.top, _HEIGHT - _BOTTOM, _TOP)
    title = tell(size_chart.chart_title(report))
    described = "; ".join(f"{tell(one.name)}: {one.size}, {tell(one.interval)}".rstrip(" ,") for one in points)
    has_bars = any(point.low < point.high for point in points)
    below = size_chart.explanations(measure, has_bars=has_bars, has_variants=bool(variants))
    svg = chart(
        _WIDTH,
        _HEIGHT,
        title,
        described,
        *_frame(x, y, measure, tell),
        *_curves(variants, x, y),
        *(_interval(point, x, y) for point in points if point.low < point.high),
        *(_mark(point, x, y) for point in points),
        *_names(points, variants, frame, x, y, tell),
        *_legend(points, tell),
    )
    return Chart(title, svg, tuple(map(tell, below)))


def time_drawing(report: Report, tell: Tell) -> Chart | None:
    """The time of one run, as bars; None where none was measured."""
    rows = [(size_chart.ORIGINAL, "original", report.source.latency_ms)]
    rows += [
        (target_by_id(outcome.target).title, _family(outcome), outcome.comparison.latency_ms)
        for outcome in report.converted
        if outcome.comparison is not None
    ]
    measured = [(tell(title), family, latency) for title, family, latency in rows if latency is not None]
    if len(measured) < 2:
        return None
    longest = max(max(one.median_one_thread, one.median_all_threads) for _, _, one in measured)
    axis = Axis(0.0, longest, _NAMES, _WIDTH - _VALUES)
    drawn: list[str] = []
    for row, (title, family, latency) in enumerate(measured):
        top = 8 + row * _ROW
        drawn.append(label(title, _NAMES - 10, top + _BAR + 5, "name", anchor="end"))
        for place, (time, kind) in enumerate(((latency.median_one_thread, "one"), (latency.median_all_threads, "all"))):
            drawn += _bar(time, axis, top + place * (_BAR + 3), f"{family} {kind}")
    height = 8 + len(measured) * _ROW
    title = tell(say("Time of one run on this computer"))
    described = "; ".join(f"{name}: {_both(one)}" for name, _, one in measured)
    threads = measured[0][2].threads
    below = say(
        "Upper bar: one thread; lower, lighter bar: all {threads} threads. Medians; shorter is faster.", threads=threads
    )
    return Chart(title, chart(_WIDTH, height, title, described, *drawn), (tell(below),))


def _both(latency: Latency) -> str:
    times = (latency.median_one_thread, latency.median_all_threads)
    return ", ".join(map(number_format.milliseconds, times))


def _family(outcome: OutcomeEntry) -> str:
    return _kind(target_by_id(outcome.target).format.name)


def _kind(family: str) -> str:
    """The class of a format's marks: the place of the format among those of the targets."""
    formats = list(dict.fromkeys(target.format.name for target in TARGETS))
    return f"format-{formats.index(family)}" if family in formats else "original"


def _bar(time: float, axis: Axis, top: float, kind: str) -> Iterator[str]:
    width = max(1.0, axis.place(time) - axis.start)
    yield element("rect", {"x": axis.start, "y": top, "width": width, "height": _BAR, "rx": 2, "class": f"bar {kind}"})
    yield label(number_format.milliseconds(time), axis.start + width + 6, top + _BAR - 2, "tick")


def _frame(x: Axis, y: Axis, measure: Measure, tell: Tell) -> Iterator[str]:
    bottom = _HEIGHT - _BOTTOM
    sizes = x.ticks()
    yield from across(x, _TOP, bottom, sizes, lambda value: f"{value:.{decimals(sizes)}f}")
    # The space above 100% is for labels only.
    shares = y.ticks(least=0.0, most=1.0)
    if measure.is_share:
        percents = [100 * share for share in shares]
        yield from up(y, _LEFT, _WIDTH - _RIGHT, shares, lambda value: f"{100 * value:.{decimals(percents)}f}%")
    else:
        yield from up(y, _LEFT, _WIDTH - _RIGHT, shares, lambda value: f"{value:.{decimals(shares)}f}")
    yield label(tell(say("Size in MB")), (_LEFT + _WIDTH - _RIGHT) / 2, bottom + 42, "axis", anchor="middle")
    yield label(tell(measure.title), 16, (_TOP + bottom) / 2, "axis", anchor="middle", turn=-90)
    if measure.is_truth:
        place = y.place(measure.of_original)
        yield line(_LEFT, place, _WIDTH - _RIGHT, place, "of-original")


def _curves(variants: Sequence[Point], x: Axis, y: Axis) -> Iterator[str]:
    """A line through the variants of each file, and a small ring for each."""
    for file in dict.fromkeys(point.file for point in variants):
        curve = sorted((point for point in variants if point.file == file), key=lambda point: point.megabytes)
        places = [(x.place(point.megabytes), y.place(point.accuracy)) for point in curve]
        kind = _kind(str(curve[0].family))
        through = " ".join(f"{number(across)},{number(down)}" for across, down in places)
        yield element("polyline", {"points": through, "class": f"curve {kind}"})
        for place in places:
            yield element("circle", {"cx": place[0], "cy": place[1], "r": 5, "class": f"ring {kind}"})


def _interval(point: Point, x: Axis, y: Axis) -> str:
    across, low, high = x.place(point.megabytes), y.place(point.low), y.place(point.high)
    ends = (f"M{number(across - 4)} {number(end)}h8" for end in (low, high))
    path = f"M{number(across)} {number(low)}V{number(high)}{''.join(ends)}"
    return element("path", {"d": path, "class": f"interval {_kind(str(point.family))}"})


def _mark(point: Point, x: Axis, y: Axis) -> str:
    return _shape(_kind(str(point.family)), x.place(point.megabytes), y.place(point.accuracy))


def _shape(kind: str, across: float, down: float) -> str:
    """A form of its own for each format, for readers who cannot distinguish the colours."""
    name = f"mark {kind}"
    if kind == "format-0":
        return element("rect", {"x": across - 6, "y": down - 6, "width": 12, "height": 12, "class": name})
    if kind == "format-1":
        corners = f"{number(across)},{number(down - 7)} {number(across + 7)},{number(down + 6)} "
        return element("polygon", {"points": f"{corners}{number(across - 7)},{number(down + 6)}", "class": name})
    return element("circle", {"cx": across, "cy": down, "r": 6.5, "class": name})


def _names(
    points: Sequence[Point], variants: Sequence[Point], frame: Frame, x: Axis, y: Axis, tell: Tell
) -> Iterator[str]:
    names = [tell(point.name) for point in points]
    width, height = x.end - x.start, y.start - y.end
    offsets = size_chart.label_offsets(points, names, frame, width=width, height=height, variants=variants)
    for point, name, offset in zip(points, names, offsets, strict=True):
        half = size_chart.label_width(name) / 2
        across = min(max(x.place(point.megabytes), _LEFT + half), _WIDTH - half)
        yield label(name, across, y.place(point.accuracy) + offset + 4, "name outlined", anchor="middle")


def _legend(points: Sequence[Point], tell: Tell) -> Iterator[str]:
    left, down = _LEFT, _HEIGHT - 14
    for family in dict.fromkeys(tell(point.family) for point in points):
        kind = _kind(family)
        yield _shape(kind, left + 8, down - 4)
        yield label(family, left + 22, down, "tick")
        left += 50 + size_chart.label_width(family)

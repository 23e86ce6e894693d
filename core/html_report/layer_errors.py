"""The error of every layer of a file, in the order of the graph, and the layers that suffer most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.common import number_format
from core.common.text import say
from core.html_report.axes import Axis, across, chart, decimals, label, up
from core.html_report.parts import Cell, Chart, Heading, Table, Tell
from core.report.drawing.svg import element, number, shortened
from core.report.schema import LayerEntry, Report
from core.report.wording import PRECISIONS
from core.targets import target_by_id

_WORST = 5
_WIDTH, _HEIGHT = 560.0, 230.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 12.0, 16.0, 48.0
_MOST_DOTS = 400
"""Layers up to which each has a dot; of more, only the lowest of neighbours is on the line."""

_LEAST_SPAN = 10.0
"""Of the vertical axis, in dB."""


@dataclass(frozen=True)
class LayersOf:
    """One file's."""

    name: str
    chart: Chart
    worst: Table


def layer_errors(report: Report, tell: Tell) -> tuple[LayersOf, ...]:
    """Of each file of which layers were measured; all charts have the same axis."""
    measured = [
        (outcome, outcome.comparison.layers)
        for outcome in report.converted
        if outcome.comparison is not None and any(layer.sqnr_db is not None for layer in outcome.comparison.layers)
    ]
    decibels = [layer.sqnr_db for _, layers in measured for layer in layers if layer.sqnr_db is not None]
    if not decibels:
        return ()
    low, high = min(decibels), max(decibels)
    high = max(high, low + _LEAST_SPAN)
    margin = 0.06 * (high - low)
    y = Axis(low - margin, high + margin, _HEIGHT - _BOTTOM, _TOP)
    named = [(tell(target_by_id(outcome.target).title), layers) for outcome, layers in measured]
    return tuple(LayersOf(name, _chart(layers, y, name, tell), _table(layers, tell)) for name, layers in named)


def _ranked(layers: Sequence[LayerEntry]) -> list[tuple[int, LayerEntry, float]]:
    """The worst ones, with their numbers in the graph, and their SQNR in dB."""
    known = [(index, layer, layer.sqnr_db) for index, layer in enumerate(layers, start=1) if layer.sqnr_db is not None]
    return sorted(known, key=lambda one: one[2])[:_WORST]


def _table(layers: Sequence[LayerEntry], tell: Tell) -> Table:
    has_shares = any(layer.share is not None for layer in layers)
    headings = [
        Heading(tell(say("No.")), True),
        Heading(tell(say("Layer"))),
        Heading(tell(say("Operator"))),
        Heading(tell(say("Precision"))),
        Heading("SQNR", True),
    ]
    if has_shares:
        headings.append(Heading(tell(say("Share of the error")), True))
    return Table(tuple(headings), tuple(tuple(_row(*one, has_shares, tell)) for one in _ranked(layers)))


def _row(index: int, layer: LayerEntry, decibels: float, has_shares: bool, tell: Tell) -> Iterator[Cell]:
    yield Cell(str(index))
    yield Cell(tell(shortened(layer.name, 60)), is_name=True)
    yield Cell(tell(shortened(layer.operator, 30)), is_name=True)
    yield Cell(tell(PRECISIONS[layer.precision]))
    yield Cell(number_format.decibels(decibels))
    if has_shares:
        yield Cell(number_format.percent(layer.share))


def _chart(layers: Sequence[LayerEntry], y: Axis, name: str, tell: Tell) -> Chart:
    x = Axis(1.0, max(2.0, float(len(layers))), _LEFT, _WIDTH - _RIGHT)
    title = tell(say("{file}: error of each layer", file=name))
    worst = _ranked(layers)
    described = "; ".join(f"{index}: {number_format.decibels(value)}" for index, _, value in worst)
    svg = chart(
        _WIDTH,
        _HEIGHT,
        title,
        tell(say("The worst layers by their numbers: {layers}", layers=described)),
        *_frame(x, y, tell),
        *_line(layers, x, y),
        *_marked(worst, x, y),
    )
    return Chart(title, svg)


def _frame(x: Axis, y: Axis, tell: Tell) -> Iterator[str]:
    bottom = _HEIGHT - _BOTTOM
    levels, places = y.ticks(), [value for value in x.ticks(least=1.0) if value == int(value)]
    yield from across(x, _TOP, bottom, places, lambda value: f"{value:.0f}")
    yield from up(y, _LEFT, _WIDTH - _RIGHT, levels, lambda value: f"{value:.{decimals(levels)}f}")
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    yield label(tell(say("Layer, from input to output")), middle, bottom + 40, "axis", anchor="middle")
    yield label("SQNR, dB", 13, (_TOP + bottom) / 2, "axis", anchor="middle", turn=-90)


def _line(layers: Sequence[LayerEntry], x: Axis, y: Axis) -> Iterator[str]:
    places = [
        (x.place(index), y.place(layer.sqnr_db), layer.precision)
        for index, layer in enumerate(layers, start=1)
        if layer.sqnr_db is not None
    ]
    thinned = _thinned([place[:2] for place in places])
    yield element("polyline", {"points": " ".join(f"{number(a)},{number(b)}" for a, b in thinned), "class": "layers"})
    if len(places) <= _MOST_DOTS:
        for place in places:
            kind = "dot eight" if place[2].startswith("8 bit") else "dot more"
            yield element("circle", {"cx": place[0], "cy": place[1], "r": 2.6, "class": kind})


def _thinned(places: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    """Of many points, the lowest one of neighbours: its error is what is looked for."""
    step = -(-len(places) // _MOST_DOTS)
    if step <= 1:
        return places
    return [max(places[start : start + step], key=lambda place: place[1]) for start in range(0, len(places), step)]


def _marked(worst: Sequence[tuple[int, LayerEntry, float]], x: Axis, y: Axis) -> Iterator[str]:
    """The worst ones with their numbers; where two would overlap, the number of the worse one."""
    taken: list[float] = []
    for index, _, decibels in worst:
        place = (x.place(index), y.place(decibels))
        yield element("circle", {"cx": place[0], "cy": place[1], "r": 4.5, "class": "worst"})
        if all(abs(place[0] - other) > 22 for other in taken):
            yield label(str(index), place[0], place[1] + 16, "worst-name outlined", anchor="middle")
            taken.append(place[0])

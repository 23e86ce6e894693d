"""The error of every layer, in the order of the graph, for all files side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from core.report.graph_guide import measured_layers
from core.report.schema import LayerEntry, OutcomeEntry
from core.report.wording import PRECISIONS
from core.targets import target_by_id
from pages.parts.graphs.layer_finder import shortened
from pages.parts.results.layer_choice import choose_layer
from pages.parts.widgets import number_format
from pages.parts.widgets.language import t
from pages.parts.widgets.served_files import theme

_HEIGHT = 460

# Each has a contrast of 4 or more with the page.
_COLORS = {
    "light": ("#0F7A6E", "#B8621B", "#3F62AE", "#A03F82", "#75660F", "#1E7C95"),
    "dark": ("#45C4AF", "#F2A65A", "#92B2F7", "#E791CB", "#D9C653", "#6CCBE2"),
}
_INK = {"light": "#1F2A2E", "dark": "#E7ECEA"}
_GREY = "#8A9499"
_CLICKED = "clicked"

_MANY = 150
"""Layers from which on the points are small."""


def show_layer_chart(job_id: str, results: Sequence[OutcomeEntry]) -> None:
    """Draw the chart; a click on a point chooses its layer.

    Args:
        job_id: of the job.
        results: those of which layers were measured.
    """
    places = _positions([measured_layers(result) for result in results])
    key = f"layer-chart-{job_id}"

    def on_click() -> None:
        names = {place: name for name, place in places.items()}
        for point in st.session_state[key]["selection"].get(_CLICKED, []):
            choose_layer(job_id, point["target"], names[point["position"]])

    st.altair_chart(
        _chart(results, places), on_select=on_click, selection_mode=_CLICKED, key=key, alt=t("Layer by layer")
    )


def _chart(results: Sequence[OutcomeEntry], places: dict[str, int]) -> alt.LayerChart | alt.FacetChart:
    rows = pd.DataFrame(_rows(results, places))
    names = [t(target_by_id(result.target).title) for result in results]
    x = alt.X("position:Q", title=t("Layer, from input to output"), axis=alt.Axis(tickMinStep=1, format="d"))
    y = alt.Y("decibels:Q", title=t("SQNR in dB"), scale=alt.Scale(zero=False, nice=True))
    colors = alt.Scale(domain=names, range=list(_COLORS[theme()][: len(names)]))
    legend = alt.Legend(orient="bottom", columns=3, symbolOpacity=1.0, symbolStrokeWidth=2)
    color = alt.Color("file:N", title=None, scale=colors, legend=legend)
    size = 55 if len(places) < _MANY else 18
    base = alt.Chart(rows).encode(x=x, y=y)
    lines = base.mark_line(strokeWidth=2 if len(places) < _MANY else 1.25).encode(color=color)
    shapes = alt.Legend(orient="top", symbolFillColor=_GREY, symbolStrokeColor=_GREY)
    shape = alt.Shape("precision:N", title=None, legend=shapes)
    dots = base.mark_point(size=size, filled=True, opacity=1.0).encode(color=color, shape=shape)
    return alt.layer(lines, dots, _click_targets(base, size)).properties(height=_HEIGHT)


def _click_targets(base: alt.Chart, size: int) -> alt.Chart:
    """Rings around the points, larger than these, so that they are easy to hit; that of the clicked one is seen."""
    clicked = alt.selection_point(name=_CLICKED, fields=["target", "position"], on="click", empty=False)
    tooltip = [
        alt.Tooltip("file:N", title=t("File")),
        alt.Tooltip("layer:N", title=t("Layer")),
        alt.Tooltip("operator:N", title=t("Operator")),
        alt.Tooltip("precision:N", title=t("Precision")),
        alt.Tooltip("sqnr:N", title="SQNR"),
        alt.Tooltip("cosine:N", title=t("Similarity")),
    ]
    seen = alt.condition(clicked, alt.value(1.0), alt.value(0.0))
    mark = base.mark_point(size=4 * size, stroke=_INK[theme()], strokeWidth=2, fill="transparent", cursor="pointer")
    targets: alt.Chart = mark.encode(tooltip=tooltip, opacity=seen).add_params(clicked)
    return targets


def _rows(results: Sequence[OutcomeEntry], places: dict[str, int]) -> Iterator[dict[str, Any]]:
    for result in results:
        for layer in measured_layers(result):
            if layer.sqnr_db is not None:
                yield {
                    "file": t(target_by_id(result.target).title),
                    "target": result.target,
                    "position": places[layer.name],
                    "layer": shortened(layer.name),
                    "operator": layer.operator,
                    "precision": t(PRECISIONS[layer.precision]),
                    "decibels": layer.sqnr_db,
                    "sqnr": number_format.decibels(layer.sqnr_db),
                    "cosine": number_format.similarity(layer.cosine),
                }


def _positions(files: Sequence[Sequence[LayerEntry]]) -> dict[str, int]:
    """Layer name -> place in the order of the graph, counted from 1; files may have measured different layers."""
    names: list[str] = []
    known: set[str] = set()
    for layers in sorted(files, key=len, reverse=True):
        place = 0
        for layer in layers:
            if layer.name in known:
                place = names.index(layer.name) + 1
            else:
                names.insert(place, layer.name)
                known.add(layer.name)
                place += 1
    return {name: place for place, name in enumerate(names, start=1)}

"""The error of every layer, in the order of the graph, for all files side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from core.common import number_format
from core.report.finished_files import FinishedFile
from core.report.schema import LayerEntry
from core.report.wording import PRECISIONS
from core.targets import TARGET_IDS
from pages.parts.graphs.graph_frame import file_name
from pages.parts.graphs.layer_finder import shortened
from pages.parts.results.layer_choice import choose_layer
from pages.parts.widgets.language import t
from pages.parts.widgets.served_files import theme

_HEIGHT = 460

# Each has a contrast of 4 or more with the page.
_COLORS = {
    "light": ("#0F7A6E", "#B8621B", "#3F62AE", "#1E7C95", "#75660F", "#A03F82"),
    "dark": ("#45C4AF", "#F2A65A", "#92B2F7", "#6CCBE2", "#D9C653", "#E791CB"),
}
_INK = {"light": "#1F2A2E", "dark": "#E7ECEA"}
_GREY = "#8A9499"
_CLICKED = "clicked"

_MANY = 150
"""Layers from which on the points are small."""


def show_layer_chart(job_id: str, files: Sequence[FinishedFile]) -> None:
    """Draw the chart; a click on a point chooses its layer.

    Args:
        job_id: of the job.
        files: those of which layers were measured.
    """
    places = _positions([file.layers for file in files])
    key = f"layer-chart-{job_id}"

    def on_click() -> None:
        names = {place: name for name, place in places.items()}
        for point in st.session_state[key]["selection"].get(_CLICKED, []):
            choose_layer(job_id, point["id"], names[point["position"]])

    st.altair_chart(
        _chart(files, places), on_select=on_click, selection_mode=_CLICKED, key=key, alt=t("Layer by layer")
    )


def _chart(files: Sequence[FinishedFile], places: dict[str, int]) -> alt.LayerChart | alt.FacetChart:
    rows = pd.DataFrame(_rows(files, places))
    names = [file_name(file) for file in files]
    x = alt.X("position:Q", title=t("Layer, from input to output"), axis=alt.Axis(tickMinStep=1, format="d"))
    y = alt.Y("decibels:Q", title=t("SQNR in dB"), scale=alt.Scale(zero=False, nice=True))
    colors = alt.Scale(domain=names, range=[_color(file) for file in files])
    legend = alt.Legend(orient="bottom", columns=3, labelLimit=0, symbolOpacity=1.0)
    color = alt.Color("file:N", title=None, scale=colors, legend=legend)
    size = 55 if len(places) < _MANY else 18
    base = alt.Chart(rows).encode(x=x, y=y)
    dash = alt.condition("datum.published", alt.value([1, 0]), alt.value([6, 4]))
    lines = base.mark_line(strokeWidth=2 if len(places) < _MANY else 1.25).encode(
        color=color, strokeDash=dash, detail="id:N"
    )
    shapes = alt.Legend(orient="top", symbolFillColor=_GREY, symbolStrokeColor=_GREY)
    shape = alt.Shape("precision:N", title=None, legend=shapes)
    dots = base.mark_point(size=size, filled=True, opacity=1.0).encode(color=color, shape=shape)
    return alt.layer(lines, dots, _click_targets(base, size)).properties(height=_HEIGHT)


def _color(file: FinishedFile) -> str:
    """One for each target, whichever of its files it is and whichever others there are."""
    colors = _COLORS[theme()]
    return colors[TARGET_IDS.index(file.target) % len(colors)]


def _click_targets(base: alt.Chart, size: int) -> alt.Chart:
    """Rings around the points, larger than these, so that they are easy to hit; that of the clicked one is seen."""
    clicked = alt.selection_point(name=_CLICKED, fields=["id", "position"], on="click", empty=False)
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


def _rows(files: Sequence[FinishedFile], places: dict[str, int]) -> Iterator[dict[str, Any]]:
    for file in files:
        for layer in file.layers:
            if layer.sqnr_db is not None:
                yield {
                    "file": file_name(file),
                    "id": file.id,
                    "published": file.is_published,
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

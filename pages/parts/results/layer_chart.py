"""The error of every layer, in the order of the graph, for all files side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from core.common import number_format
from core.report.schema import LayerEntry, OutcomeEntry, Report
from core.report.wording import PRECISIONS
from core.targets import target_by_id
from pages.parts.results.layer_table import show_layer_table
from pages.parts.widgets.language import t

_HEIGHT = 460
_COLORS = ("#1D8475", "#D9822B", "#5B6FB5", "#A4508B", "#8A7A1F", "#3E9BB3")
_GREY = "#8A9499"


def show_layers(job_id: str, report: Report) -> None:
    """Draw the chart, closed; nothing where no layers were measured."""
    results = [result for result in report.converted if result.comparison is not None and result.comparison.layers]
    if not results:
        return
    with st.expander(t("Layer by layer"), icon=":material/stacked_line_chart:"):
        st.caption(
            t(
                "How strong the signal of each layer's output is compared with its error (SQNR); higher is better, and "
                "a sudden fall shows the layer that suffers. Layers without any error have no point."
            )
        )
        st.altair_chart(_chart(results), alt=t("Layer by layer"))
        show_layer_table(job_id, results)


def _chart(results: Sequence[OutcomeEntry]) -> alt.LayerChart | alt.FacetChart:
    rows = pd.DataFrame(_rows(results))
    names = [t(target_by_id(result.target).title) for result in results]
    x = alt.X("position:Q", title=t("Layer, from input to output"), axis=alt.Axis(tickMinStep=1, format="d"))
    y = alt.Y("decibels:Q", title=t("SQNR in dB"), scale=alt.Scale(zero=False, nice=True))
    colors = alt.Scale(domain=names, range=list(_COLORS[: len(names)]))
    color = alt.Color("file:N", title=None, scale=colors, legend=alt.Legend(orient="bottom", columns=3))
    tooltip = [
        alt.Tooltip("file:N", title=t("File")),
        alt.Tooltip("layer:N", title=t("Layer")),
        alt.Tooltip("operator:N", title=t("Operator")),
        alt.Tooltip("precision:N", title=t("Precision")),
        alt.Tooltip("sqnr:N", title="SQNR"),
        alt.Tooltip("cosine:N", title=t("Similarity")),
    ]
    base = alt.Chart(rows)
    lines = base.mark_line(opacity=0.5, strokeWidth=1.5).encode(x=x, y=y, color=color)
    shapes = alt.Legend(orient="top", symbolFillColor=_GREY, symbolStrokeColor=_GREY)
    shape = alt.Shape("precision:N", title=None, legend=shapes)
    dots = base.mark_point(size=55, filled=True).encode(x=x, y=y, color=color, shape=shape, tooltip=tooltip)
    return alt.layer(lines, dots).properties(height=_HEIGHT)


def _rows(results: Sequence[OutcomeEntry]) -> Iterator[dict[str, Any]]:
    positions = _positions([_layers(result) for result in results])
    for result in results:
        for layer in _layers(result):
            if layer.sqnr_db is not None:
                yield {
                    "file": t(target_by_id(result.target).title),
                    "position": positions[layer.name],
                    "layer": layer.name,
                    "operator": layer.operator,
                    "precision": t(PRECISIONS[layer.precision]),
                    "decibels": layer.sqnr_db,
                    "sqnr": number_format.decibels(layer.sqnr_db),
                    "cosine": number_format.similarity(layer.cosine),
                }


def _layers(result: OutcomeEntry) -> tuple[LayerEntry, ...]:
    return () if result.comparison is None else result.comparison.layers


def _positions(files: Sequence[Sequence[LayerEntry]]) -> dict[str, int]:
    """Layer name -> place in the order of the graph, counted from 1; files may have measured different layers."""
    names: list[str] = []
    for layers in sorted(files, key=len, reverse=True):
        place = 0
        for layer in layers:
            if layer.name in names:
                place = names.index(layer.name) + 1
            else:
                names.insert(place, layer.name)
                place += 1
    return {name: place for place, name in enumerate(names, start=1)}

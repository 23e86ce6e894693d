"""Layer by layer: chart, table, and the layer that was clicked in the graphs of the original and the new file."""

from __future__ import annotations

import streamlit as st

from core.netron import Place
from core.report.graph_guide import measured_layers
from core.report.schema import OutcomeEntry, Report
from core.report.wording import PRECISIONS
from pages.parts.graphs.graph_frame import ORIGINAL, graphs_of, show_graph
from pages.parts.graphs.layer_finder import shortened
from pages.parts.results.layer_chart import show_layer_chart
from pages.parts.results.layer_choice import ChosenLayer, chosen_layer
from pages.parts.results.layer_table import show_layer_table
from pages.parts.widgets import number_format
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain

_HEIGHT = 520


def show_layers(job_id: str, report: Report) -> None:
    """Draw it, closed; nothing where no layers were measured."""
    results = [result for result in report.converted if measured_layers(result)]
    if not results:
        return
    with st.expander(t("Layer by layer"), icon=":material/stacked_line_chart:"):
        _show(job_id, report, results)


@st.fragment
def _show(job_id: str, report: Report, results: list[OutcomeEntry]) -> None:
    """A fragment: a click draws nothing else of the page anew."""
    st.caption(
        t(
            "How strong the signal of each layer's output is compared with its error (SQNR); higher is better, and "
            "a sudden fall shows the layer that suffers. Layers without any error have no point. A click on a point, "
            "or on a row of the table, shows the layer in the graphs below."
        )
    )
    show_layer_chart(job_id, results)
    show_layer_table(job_id, results)
    chosen = chosen_layer(job_id)
    if chosen is None:
        st.caption(f":material/ads_click: {t('Click a point or a row to see the layer in the graphs.')}")
        return
    _show_graphs(job_id, report, chosen)


def _show_graphs(job_id: str, report: Report, chosen: ChosenLayer) -> None:
    graphs = graphs_of(report)
    if chosen.target not in graphs:  # an earlier report of the same job
        return
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(_title(report, chosen), width="content")
        if st.button(t("Open on the page Graph"), icon=":material/account_tree:", key="layer-in-graph"):
            query = {"job": job_id, "target": chosen.target, "node": chosen.name}
            st.switch_page("pages/graph.py", query_params=query)
    place = Place(chosen.name, chosen.request)
    for key, column in zip((ORIGINAL, chosen.target), st.columns(2), strict=True):
        with column:
            st.caption(graphs[key].name)
            show_graph(report, graphs[key], place, height=_HEIGHT)


def _title(report: Report, chosen: ChosenLayer) -> str:
    title = f"**{plain(shortened(chosen.name))}**"
    outcome = next(one for one in report.converted if one.target == chosen.target)
    layer = next((one for one in measured_layers(outcome) if one.name == chosen.name), None)
    if layer is None:
        return title
    figures = (plain(layer.operator), t(PRECISIONS[layer.precision]), number_format.decibels(layer.sqnr_db))
    return " · ".join((title, *figures))

"""Layer by layer: chart, table, and the layer that was clicked in the graphs of the original and the new file."""

from __future__ import annotations

import streamlit as st

from core.common import number_format
from core.netron import Place
from core.report.finished_files import FinishedFile, finished_files
from core.report.schema import Report
from core.report.wording import PRECISIONS
from pages.parts.graphs.graph_frame import ORIGINAL, file_name, graphs_of, show_graph
from pages.parts.graphs.layer_finder import shortened
from pages.parts.results.layer_chart import show_layer_chart
from pages.parts.results.layer_choice import ChosenLayer, chosen_layer
from pages.parts.results.layer_table import show_layer_table
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain

_HEIGHT = 520


def show_layers(job_id: str, report: Report) -> None:
    """Draw it, closed; nothing where no layers were measured."""
    files = [file for file in finished_files(report) if file.layers]
    if not files:
        return
    with st.expander(t("Layer by layer"), icon=":material/stacked_line_chart:"):
        _show(job_id, report, files)


@st.fragment
def _show(job_id: str, report: Report, files: list[FinishedFile]) -> None:
    """A fragment: a click draws nothing else of the page anew."""
    st.caption(
        t(
            "How strong the signal of each layer's output is compared with its error (SQNR); higher is better, and "
            "a sudden fall shows the layer that suffers. Layers without any error have no point. A click on a point, "
            "or on a row of the table, shows the layer in the graphs below."
        )
    )
    show_layer_chart(job_id, _charted(files))
    beside_chart = st.container()
    show_layer_table(job_id, files)
    chosen = chosen_layer(job_id)
    graphs = graphs_of(report)
    file = next((file for file in files if chosen is not None and file.id == chosen.file and file.id in graphs), None)
    with beside_chart:
        _tell(file, chosen)
    if chosen is not None and file is not None:
        _show_graphs(job_id, report, file, chosen)


def _charted(files: list[FinishedFile]) -> list[FinishedFile]:
    """The published files; the others too, if that is asked for: so many lines are hard to tell apart."""
    if all(file.is_published for file in files):
        return files
    shows_all = st.toggle(t("Also show the other files to choose from, dashed"), key="layers-of-all")
    return [file for file in files if shows_all or file.is_published]


def _tell(file: FinishedFile | None, chosen: ChosenLayer | None) -> None:
    """What is selected, right below the chart: the graphs may lie outside of the window."""
    if file is None or chosen is None:
        st.caption(f":material/ads_click: {t('Click a point or a row to see the layer in the graphs.')}")
    else:
        st.caption(f":material/arrow_downward: {_title(file, chosen)}")


def _show_graphs(job_id: str, report: Report, file: FinishedFile, chosen: ChosenLayer) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(_title(file, chosen), width="content")
        if st.button(t("Open on the page Graph"), icon=":material/account_tree:", key="layer-in-graph"):
            query = {"job": job_id, "target": file.id, "node": chosen.name}
            st.switch_page("pages/graph.py", query_params=query)
    graphs, place = graphs_of(report), Place(chosen.name, chosen.request)
    for key, column in zip((ORIGINAL, file.id), st.columns(2), strict=True):
        with column:
            st.caption(graphs[key].name)
            show_graph(report, graphs[key], place, height=_HEIGHT)


def _title(file: FinishedFile, chosen: ChosenLayer) -> str:
    title = f"**{plain(shortened(chosen.name))}**"
    layer = next((one for one in file.layers if one.name == chosen.name), None)
    if layer is None:
        return title
    figures = (plain(layer.operator), t(PRECISIONS[layer.precision]), number_format.decibels(layer.sqnr_db))
    return " · ".join((title, *figures, file_name(file)))

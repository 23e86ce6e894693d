"""Graph: one or two models of a job, as Netron draws them; what is selected in one is selected in the other."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import streamlit as st

from core.common.errors import EdgePressError
from core.netron import Place
from core.report.graph_guide import graph_guide
from pages.parts.graphs.graph_frame import ORIGINAL, ShownGraph, graphs_of, show_graph
from pages.parts.graphs.layer_finder import find_layer, shortened
from pages.parts.widgets.error_message import show_error
from pages.parts.widgets.job_choice import Done, choose_job
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain

_HEIGHT = 680
_BOTH, _ONE = "both", "one"


def _page() -> None:
    st.title(t("Graph"), anchor=False)
    try:
        done = choose_job()
    except EdgePressError as exc:
        show_error(exc)
        return
    if done is None:
        return
    st.caption(
        t(
            "Each box is one node of the model, such as a layer. Scroll to zoom, drag to move, click a box to see "
            "what is in it. The coloured frames show in how many bits a layer is; a click on a colour's name goes on "
            "to the next one."
        )
    )
    graphs = graphs_of(done.report)
    is_pair, follows = _choose_view()
    shown = _choose_graphs(graphs, done.id, sides=2 if is_pair else 1)
    # Iframes reload when something is inserted above them, so all that stands above is always drawn.
    node = _choose_node(done, shown[-1])
    place = Place(node, is_alone=not follows)
    for graph, column in zip(shown, st.columns(len(shown)), strict=True):
        with column:
            show_graph(done.report, graph, place, height=_HEIGHT)


def _choose_view() -> tuple[bool, bool]:
    """Whether there are two graphs, and whether they follow each other."""
    words = {_BOTH: t("Side by side"), _ONE: t("One, on the full width")}
    with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
        view = st.segmented_control(
            t("View"),
            list(words),
            default=_BOTH,
            format_func=words.__getitem__,
            required=True,
            key="graph-view",
            label_visibility="collapsed",
        )
        is_pair = view != _ONE
        follows = st.toggle(
            t("Select the same layer in both"),
            value=True,
            disabled=not is_pair,
            key="graph-follow",
            help=t("A click on a box in one graph selects its counterpart in the other. Off: each is by itself."),
        )
    return is_pair, follows


def _choose_graphs(graphs: Mapping[str, ShownGraph], job_id: str, *, sides: int) -> list[ShownGraph]:
    """One or two; that of the target in the address is the last one."""
    keys = list(graphs)
    asked = st.query_params.get("target")
    last = asked if asked is not None and asked in graphs else keys[min(1, len(keys) - 1)]
    places = [ORIGINAL, last] if sides == 2 else [last]
    titles = [t("Left"), t("Right")] if sides == 2 else [t("Model")]
    chosen = []
    for side, (column, title, place) in enumerate(zip(st.columns(sides), titles, places, strict=True), start=2 - sides):
        with column:
            key: str = st.selectbox(
                title,
                keys,
                index=keys.index(place),
                format_func=lambda one: graphs[one].name,
                key=f"graph-{side}-{job_id}-{asked}",
                label_visibility="collapsed",
            )
        chosen.append(graphs[key])
    return chosen


def _choose_node(done: Done, graph: ShownGraph) -> str:
    """The name of what is selected; nothing where nothing is."""
    asked = st.query_params.get("node", "")
    layers = graph_guide(done.report, graph.file).layers
    measured = {} if graph.file is None else {layer.name: layer for layer in graph.file.layers}
    found = find_layer(layers, measured, key=f"graph-layer-{done.id}-{_short(asked)}", chosen=asked)
    is_layer = asked in {layer.name for layer in layers}
    with st.container():
        if asked and not is_layer:
            st.caption(t("Selected: {node}", node=f"**{plain(shortened(asked))}**"))
    return found or ("" if is_layer else asked)


def _short(name: str) -> str:
    """For the key of a widget; names may be of any length."""
    return hashlib.sha256(name.encode()).hexdigest()[:8]


_page()

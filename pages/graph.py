"""Graph: two models of a job side by side, as Netron draws them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from core.common.errors import EdgePressError
from core.targets import target_by_id
from pages.parts.widgets.error_message import show_error
from pages.parts.widgets.job_choice import Done, choose_job
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain
from pages.parts.widgets.served_files import GRAPHS, theme

_HEIGHT = 680


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
            "what is in it."
        )
    )
    models = _models(done)
    node = st.query_params.get("node", "")
    if node:
        st.caption(t("Selected: {node}", node=f"**{plain(node)}**"))
    # An iframe reloads when something is inserted above it, so both columns are made first.
    for side, column in enumerate(st.columns(2)):
        with column:
            _show_side(models, side, done.id, node)


def _models(done: Done) -> Mapping[str, Path]:
    """Shown name -> file; the target in the address first, which is then on the right."""
    models = {t("Original"): done.report.source.path}
    asked = st.query_params.get("target")
    for outcome in sorted(done.report.converted, key=lambda one: one.target != asked):
        target = target_by_id(outcome.target)
        graph = next((file for file in outcome.files if file.suffix == target.format.graph_suffix), None)
        if graph is not None:
            models[t(target.title)] = graph
    return models


def _show_side(models: Mapping[str, Path], side: int, job_id: str, node: str) -> None:
    names = list(models)
    name: str = st.selectbox(
        t("Left") if side == 0 else t("Right"),
        names,
        index=min(side, len(names) - 1),
        key=f"graph-{side}-{job_id}",
        label_visibility="collapsed",
    )
    frame = st.container()
    try:
        url = GRAPHS.url(models[name], theme(), node=node)
    except EdgePressError as exc:
        with frame:
            show_error(exc)
        return
    frame.iframe(url, height=_HEIGHT, alt=t("Graph of {name}", name=name))


_page()

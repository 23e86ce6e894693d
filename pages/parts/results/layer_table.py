"""One row for each layer of a file: in how many bits it is, its weights, and how sensitive it is to 8 bit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.report.finished_files import FinishedFile
from core.report.schema import LayerEntry
from core.report.wording import PRECISIONS
from pages.parts.graphs.graph_frame import file_name
from pages.parts.results.layer_choice import choose_layer
from pages.parts.widgets.language import choice_key, t

_NAME_WIDTH = 240
"""Of the column, in pixels: longer names are shown whole where they are clicked."""

_ROWS = 10
_HEIGHT = 390
"""Of the table in pixels, where it has more rows than that."""


def show_layer_table(job_id: str, files: Sequence[FinishedFile]) -> None:
    """Draw the table of one file and the choice between them; a click on a row chooses its layer.

    Args:
        job_id: of the job.
        files: those of which layers were measured.
    """
    by_id = {file.id: file for file in files}
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        chosen: str = st.selectbox(
            t("Layers of"),
            list(by_id),
            format_func=lambda one: file_name(by_id[one]),
            key=choice_key("layers-of", next(iter(by_id))),
            width=300,
        )
        all_layers = list(enumerate(by_id[chosen].layers, start=1))
        layers = _filtered(all_layers, key=f"{job_id}-{chosen}")
    if any(layer.share is not None for _, layer in all_layers):
        st.caption(
            t(
                "Share of the error: how much of it each layer causes if it alone is in 8 bit (its sensitivity). Where "
                "8 bit would have changed the answers too much, the layers that cause most stay in more bits."
            )
        )
    if len(layers) < len(all_layers):
        st.caption(t("{count} of {all} layers", count=len(layers), all=len(all_layers)))
    # With other rows it is another table, in which nothing is marked yet.
    key = f"layers-{job_id}-{chosen}-{hash(tuple(number for number, _ in layers))}"

    def on_click() -> None:
        for row, _ in st.session_state[key]["selection"]["cells"]:
            choose_layer(job_id, chosen, layers[row][1].name)

    columns = _columns(has_shares=any(layer.share is not None for _, layer in all_layers))
    st.dataframe(
        pd.DataFrame([_row(number, layer) for number, layer in layers], columns=list(columns)),
        hide_index=True,
        column_config=columns,
        column_order=list(columns),
        height=_HEIGHT if len(layers) > _ROWS else "content",
        on_select=on_click,
        selection_mode="single-cell",  # a click anywhere on a row, not on its box alone
        key=key,
    )


def _filtered(layers: Sequence[tuple[int, LayerEntry]], *, key: str) -> list[tuple[int, LayerEntry]]:
    """Draw what leaves out layers; those that are left, with their numbers."""
    precisions = list(dict.fromkeys(layer.precision for _, layer in layers))
    wanted = (
        st.pills(
            t("Precision"),
            precisions,
            format_func=lambda precision: t(PRECISIONS[precision]),
            selection_mode="multi",
            key=f"layer-precisions-{key}",
        )
        if len(precisions) > 1
        else []
    )
    part = st.text_input(t("Layer or operator contains"), key=f"layer-name-{key}", width=240).strip().casefold()
    return [
        (number, layer)
        for number, layer in layers
        if (not wanted or layer.precision in wanted) and part in f"{layer.name}\n{layer.operator}".casefold()
    ]


def _columns(*, has_shares: bool) -> dict[str, Any]:
    """In a narrow window the last ones are beyond the right edge. Numbers stay numbers, by which a click sorts."""
    shares = {"share": st.column_config.ProgressColumn(t("Share of the error"), format="percent")}
    return {
        "number": st.column_config.NumberColumn(t("No."), width=50),
        "name": st.column_config.TextColumn(t("Layer"), width=_NAME_WIDTH),
        "precision": st.column_config.TextColumn(t("Precision")),
        **(shares if has_shares else {}),
        "sqnr": st.column_config.NumberColumn(
            t("SQNR of its output"), format="%.1f dB", help=t("Empty where there is no error at all.")
        ),
        "weights": st.column_config.NumberColumn(t("Weights"), format="localized"),
        "operator": st.column_config.TextColumn(t("Operator")),
    }


def _row(number: int, layer: LayerEntry) -> dict[str, int | float | str | None]:
    return {
        "number": number,
        "name": layer.name,
        "operator": layer.operator,
        "precision": t(PRECISIONS[layer.precision]),
        "weights": layer.weights or None,
        "share": layer.share,
        "sqnr": layer.sqnr_db,
    }

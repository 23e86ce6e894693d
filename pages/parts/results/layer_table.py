"""One row for each layer of a file: in how many bits it is, its weights, and how sensitive it is to 8 bit."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.common import number_format
from core.report.schema import LayerEntry, OutcomeEntry
from core.report.wording import PRECISIONS
from core.targets import target_by_id
from pages.parts.widgets.language import t

_NAME_WIDTH = 240
"""Of the column, in pixels: longer names are shown whole where they are clicked."""

_ROWS = 10
_HEIGHT = 420
"""Of the table in pixels, where it has more rows than that."""


def show_layer_table(job_id: str, results: Sequence[OutcomeEntry]) -> None:
    """Draw the table of one file, the choice between them, and a way from a row to its node in the graph.

    Args:
        job_id: of the job.
        results: those of which layers were measured.
    """
    targets = {result.target: result for result in results}
    chosen: str = st.selectbox(
        t("Layers of"),
        list(targets),
        format_func=lambda target: t(target_by_id(target).title),
        key="layers-of",
        width=360,
    )
    result = targets[chosen]
    layers = () if result.comparison is None else result.comparison.layers
    has_shares = any(layer.share is not None for layer in layers)
    if has_shares:
        st.caption(
            t(
                "Share of the error: how much of it each layer causes if it alone is in 8 bit (its sensitivity). Where "
                "8 bit would have changed the answers too much, the layers that cause most stay in more bits."
            )
        )
    table = pd.DataFrame([_row(number, layer) for number, layer in enumerate(layers, start=1)])
    # In a narrow window the last ones are beyond the right edge.
    columns = {
        "number": st.column_config.NumberColumn(t("No."), width=50),
        "name": st.column_config.TextColumn(t("Layer"), width=_NAME_WIDTH),
        "precision": st.column_config.TextColumn(t("Precision")),
        **({"share": st.column_config.ProgressColumn(t("Share of the error"), format="percent")} if has_shares else {}),
        "sqnr": st.column_config.TextColumn(t("SQNR of its output")),
        "weights": st.column_config.NumberColumn(t("Weights"), format="localized"),
        "operator": st.column_config.TextColumn(t("Operator")),
    }
    selected = st.dataframe(
        table,
        hide_index=True,
        column_config=columns,
        column_order=list(columns),
        height=_HEIGHT if len(layers) > _ROWS else "content",
        on_select="rerun",
        selection_mode="single-row",
        key=f"layers-{job_id}-{chosen}",
    )
    rows = [row for row in selected["selection"]["rows"] if row < len(layers)]
    if not rows:
        st.caption(t("Mark a row to see the layer in the graph."))
    elif st.button(t("Show in the graph"), icon=":material/account_tree:", key="layer-in-graph"):
        query = {"job": job_id, "target": chosen, "node": layers[rows[0]].name}
        st.switch_page("pages/graph.py", query_params=query)


def _row(number: int, layer: LayerEntry) -> dict[str, int | float | str | None]:
    return {
        "number": number,
        "name": layer.name,
        "operator": layer.operator,
        "precision": t(PRECISIONS[layer.precision]),
        "weights": layer.weights or None,
        "share": layer.share,
        "sqnr": number_format.decibels(layer.sqnr_db),
    }

"""An export while it runs, and its result."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.common import number_format
from core.common.text import Text, plural
from core.pytorch.request import Exported, ExportedTensor, OutputCheck
from pages.parts.convert import draft
from pages.parts.paths import uploads
from pages.parts.pytorch import export_draft
from pages.parts.pytorch.background_tasks import EXPORT
from pages.parts.widgets.error_message import show_detail
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain
from pages.parts.widgets.progress import watch_task
from pages.parts.widgets.served_files import DOWNLOADS


def watch_export() -> None:
    """Draw the export for as long as it runs, then have the page drawn anew."""
    request = EXPORT.status.arguments[0]
    st.markdown(t("Turning {name} into an ONNX file", name=f"**{plain(request.checkpoint.name)}**"))
    with st.container(border=True, key="live-export"):
        watch_task(EXPORT, cancel_key="export-cancel")


def show_exported(exported: Exported) -> None:
    """Draw the finished file and what can be done with it.

    Args:
        exported: what was written.
    """
    name = plain(exported.path.name)
    st.success(t("{name} is ready, and it answers like PyTorch.", name=f"**{name}**"), icon=":material/check_circle:")
    with st.container(border=True, key="exported"):
        _show_figures(exported)
        _show_outputs(exported)
        for note in exported.notes:
            st.caption(plain(t(note)))
        if not uploads.is_upload(exported.path):
            st.markdown(t("The file is {path}", path=f"**{plain(exported.path)}**"))
        show_detail("\n".join([f"opset: {exported.opset}", *map(_check_line, exported.checks)]))
    _offer_next(exported)


def _show_figures(exported: Exported) -> None:
    shown = (
        (t("Size"), number_format.size(exported.size_bytes), None),
        (
            t("Difference from PyTorch"),
            f"{exported.difference:.1e}",
            t("The largest that was found, as a share of the output's largest number. Up to 1e-04 is allowed."),
        ),
        (t("Checked on"), t(_samples(exported)), t("Random noise, and example pictures.")),
    )
    for column, (label, value, help_text) in zip(st.columns(len(shown)), shown, strict=True):
        column.metric(label, value, help=help_text, border=True, height="stretch")


def _samples(exported: Exported) -> Text:
    """How many different inputs were tried; each kind was compared at every output."""
    count = sum({check.on: check.samples for check in exported.checks}.values())
    return plural("{count} input", "{count} inputs", count=count)


def _show_outputs(exported: Exported) -> None:
    rows = [(t("input"), tensor) for tensor in exported.inputs] + [(t("output"), tensor) for tensor in exported.outputs]
    table = pd.DataFrame(
        [
            {"kind": kind, "name": tensor.name, "shape": _shape(tensor), "difference": _difference(exported, tensor)}
            for kind, tensor in rows
        ]
    )
    column = st.column_config.TextColumn
    config = {
        "kind": column(" ", width=80),
        "name": column(t("Name"), width=140),
        "shape": column(t("Shape"), width=180),
        "difference": column(t("Difference from PyTorch")),
    }
    st.dataframe(table, hide_index=True, height="content", column_config=config)


def _shape(tensor: ExportedTensor) -> str:
    return " × ".join(map(str, tensor.shape))


def _difference(exported: Exported, tensor: ExportedTensor) -> str:
    found = [check.difference for check in exported.checks if check.output == tensor.name]
    return f"{max(found):.1e}" if found else ""


def _check_line(check: OutputCheck) -> str:
    return f"{check.output}: {check.difference:.2e} on {check.samples} x {check.on}"


def _offer_next(exported: Exported) -> None:
    with st.container(horizontal=True, gap="small"):
        is_there = exported.path.is_file()
        if st.button(
            t("Convert this model"),
            type="primary",
            icon=":material/compress:",
            key="export-convert",
            disabled=not is_there,
        ):
            draft.forget()
            draft.change(source=exported.path)
            st.switch_page("pages/convert.py")
        if is_there and uploads.is_upload(exported.path):
            url = DOWNLOADS.url([exported.path], exported.path.name)
            st.link_button(t("Download"), url, icon=":material/download:")
        if st.button(t("Another PyTorch model"), icon=":material/add:", key="export-another", type="tertiary"):
            EXPORT.forget()
            export_draft.forget()
            st.rerun()

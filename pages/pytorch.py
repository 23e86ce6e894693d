"""From PyTorch: choose a config and its weights, get an ONNX file that answers like PyTorch, carry on to Convert."""

from __future__ import annotations

import streamlit as st

from pages.parts import export_draft
from pages.parts.checkpoint_step import choose_checkpoint
from pages.parts.config_step import choose_config
from pages.parts.export_step import settle_export
from pages.parts.export_view import EXPORTING, show_exported, watch_export
from pages.parts.language import t
from pages.parts.openmmlab import show_environment


def _page() -> None:
    st.title(t("From PyTorch"), anchor=False)
    standing = EXPORTING.standing
    if standing.is_running:
        watch_export()
    elif standing.result is not None:
        show_exported(standing.result)
    else:
        _form()


def _form() -> None:
    st.markdown(
        t(
            "Turns a PyTorch model into an ONNX file, checks that both give the same answers, and hands it on to the "
            "page Convert. The file with your weights is only read, never changed."
        )
    )
    if not show_environment(is_quiet=True):
        return
    if EXPORTING.standing.given:
        export_draft.take_up(EXPORTING.standing.given[0])
    is_openmmlab = export_draft.choose_kind() == "openmmlab"
    description = choose_config(number=1) if is_openmmlab else None
    if is_openmmlab and description is None:
        return
    checkpoint = choose_checkpoint(number=2 if is_openmmlab else 1)
    if checkpoint is not None:
        settle_export(checkpoint, description, number=3 if is_openmmlab else 2)


_page()

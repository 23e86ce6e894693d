"""From PyTorch: choose a config and its weights, export an ONNX file with the same outputs, go on to Convert."""

from __future__ import annotations

import streamlit as st

from pages.parts.pytorch import export_draft
from pages.parts.pytorch.background_tasks import EXPORT
from pages.parts.pytorch.checkpoint_step import choose_checkpoint
from pages.parts.pytorch.config_step import choose_config
from pages.parts.pytorch.environment_card import show_environment
from pages.parts.pytorch.export_step import configure_export
from pages.parts.pytorch.export_view import show_exported, watch_export
from pages.parts.widgets.language import t


def _page() -> None:
    st.title(t("From PyTorch"), anchor=False)
    status = EXPORT.status
    if status.is_running:
        watch_export()
    elif status.result is not None:
        show_exported(status.result)
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
    if EXPORT.status.arguments:
        export_draft.restore(EXPORT.status.arguments[0])
    is_openmmlab = export_draft.choose_kind() == "openmmlab"
    description = choose_config(number=1) if is_openmmlab else None
    if is_openmmlab and description is None:
        return
    checkpoint = choose_checkpoint(number=2 if is_openmmlab else 1)
    if checkpoint is not None:
        configure_export(checkpoint, description, number=3 if is_openmmlab else 2)


_page()

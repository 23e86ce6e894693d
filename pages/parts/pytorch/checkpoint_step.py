"""The step of From PyTorch that asks for the file with the weights."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core.common.errors import InputError
from core.queue.supervisor import get_supervisor
from pages.parts.pytorch import export_draft
from pages.parts.pytorch.export_view import EXPORTING
from pages.parts.widgets import number_format, uploads
from pages.parts.widgets.error_message import show_error
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain
from pages.parts.widgets.path_chooser import ask_for_path
from pages.parts.widgets.system_window import SUFFIXES

_UPLOADS = "checkpoint-uploads"


def choose_checkpoint(*, number: int) -> Path | None:
    """Draw the step; the file, once there is one."""
    is_openmmlab = export_draft.current().kind == "openmmlab"
    with st.container(border=True, key="step-checkpoint"):
        title = t("Weights") if is_openmmlab else t("PyTorch file")
        st.subheader(f":primary[:material/counter_{number}:] {title}", anchor=False)
        path = export_draft.current().checkpoint
        if path is not None and path.is_file():
            _show(path)
            return path
        _ask(is_openmmlab=is_openmmlab)
        return None


def _ask(*, is_openmmlab: bool) -> None:
    if is_openmmlab:
        st.caption(t("The checkpoint that training wrote for this config; its name usually ends with .pth."))
    else:
        st.caption(
            t(
                "A TorchScript file (.pt), a file of torch.export (.pt2), or a checkpoint of Ultralytics (.pt). A file "
                "that holds nothing but weights needs its config: choose OpenMMLab above."
            )
        )
    left, right = st.columns(2, gap="large")
    with left:
        path = _ask_for_upload()
    with right:
        label = t("Or where it lies on this computer")
        path = ask_for_path("checkpoint", "checkpoint", label=label, placeholder="epoch_300.pth") or path
    if path is None:
        return
    if not path.is_file():
        st.error(t('There is no file "{path}".', path=plain(path)), icon=":material/error:")
        return
    EXPORTING.forget()
    export_draft.change(checkpoint=path)
    st.rerun()


def _ask_for_upload() -> Path | None:
    round_number = st.session_state.setdefault(_UPLOADS, 0)
    file = st.file_uploader(t("Drop the file here"), key=f"{_UPLOADS}-{round_number}")
    if file is None:
        return None
    try:
        uploads.sweep(get_supervisor().store)
        path = uploads.save_file(file, SUFFIXES["checkpoint"])
    except InputError as exc:
        show_error(exc)
        return None
    st.session_state[_UPLOADS] = round_number + 1  # a new key empties the field, and with it the copy in memory
    return path


def _show(path: Path) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", width="content"):
            st.markdown(f"**{plain(path.name)}**", width="content")
            st.badge(number_format.size(path.stat().st_size), icon=":material/hard_drive:", color="gray")
        st.button(
            t("Choose another file"),
            key="checkpoint-other",
            icon=":material/swap_horiz:",
            type="tertiary",
            on_click=_choose_another,
        )


def _choose_another() -> None:
    EXPORTING.forget()
    export_draft.change(checkpoint=None)

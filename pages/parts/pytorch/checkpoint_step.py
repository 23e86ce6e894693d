"""The step of From PyTorch that asks for the file with the weights."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core.common import number_format
from pages.parts.paths.path_chooser import ask_for_path
from pages.parts.paths.system_window import SUFFIXES
from pages.parts.paths.upload_field import ask_for_upload
from pages.parts.paths.uploads import Upload, save_file
from pages.parts.pytorch import export_draft
from pages.parts.pytorch.background_tasks import EXPORT
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain
from pages.parts.widgets.step import show_chosen, step_heading


def choose_checkpoint(*, number: int) -> Path | None:
    """Draw the step; the file, once there is one."""
    is_openmmlab = export_draft.current().kind == "openmmlab"
    with st.container(border=True, key="step-checkpoint"):
        title = t("Weights") if is_openmmlab else t("PyTorch file")
        step_heading(number, title)
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
                "that holds nothing but weights needs its config: choose OpenMMLab above. Files of these kinds hold "
                "programs; you are asked before one is opened."
            )
        )
    left, right = st.columns(2, gap="large")
    with left:
        uploaded = ask_for_upload(t("Drop the file here"), "checkpoint-uploads", _save)
    with right:
        label = t("Or where it lies on this computer")
        path = ask_for_path("checkpoint", "checkpoint", label=label, placeholder="epoch_300.pth") or uploaded
    if path is None:
        return
    if not path.is_file():
        st.error(t('There is no file "{path}".', path=plain(path)), icon=":material/error:")
        return
    EXPORT.forget()
    export_draft.change(checkpoint=path)
    st.rerun()


def _save(file: Upload) -> Path:
    return save_file(file, SUFFIXES["checkpoint"])


def _show(path: Path) -> None:
    size = number_format.size(path.stat().st_size)
    show_chosen(
        path.name, change=t("Choose another file"), key="checkpoint-other", on_change=_choose_another, size=size
    )


def _choose_another() -> None:
    EXPORT.forget()
    export_draft.change(checkpoint=None)

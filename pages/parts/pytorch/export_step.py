"""The last step of From PyTorch: input size, options, the button, and why the last export failed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import streamlit as st

from core.common.errors import Cancelled, ConsentNeeded, EdgePressError
from core.common.publish import check_output_folder
from core.pytorch.request import OPSETS, Description, ExportRequest
from pages.parts.paths import uploads
from pages.parts.paths.path_chooser import ask_for_path
from pages.parts.pytorch import export_draft
from pages.parts.pytorch.background_tasks import EXPORT
from pages.parts.pytorch.consent import ask_consent
from pages.parts.widgets.error_message import show_error
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain
from pages.parts.widgets.step import show_note, step_heading

_MOST_PIXELS = 8192


def configure_export(checkpoint: Path, description: Description | None, *, number: int) -> None:
    """Draw the step.

    Args:
        checkpoint: the file with the weights.
        description: what the config says; None for a file without one.
        number: of the step.
    """
    with st.container(border=True, key="step-export"):
        step_heading(number, t("ONNX file"))
        shape = _ask_shape(description)
        with st.expander(t("More"), icon=":material/tune:"):
            _ask_options()
        request = export_draft.current().request(checkpoint, shape=shape)
        _show_out(request)
        error = _error_of(request)
        if isinstance(error, ConsentNeeded):
            _ask_consent(request, error)
            return
        if error is not None:
            _show_error(error)
        if st.button(t("Make the ONNX file"), type="primary", icon=":material/bolt:", key="export", width="stretch"):
            _start(request)


def _ask_shape(description: Description | None) -> tuple[int, int] | None:
    """Two fields that start with the config's size; left empty without a config, the file says its size."""
    proposed = None if description is None else description.shape
    now = export_draft.current().shape or proposed
    placeholder = t("as the file says")
    key = f"export-{export_draft.current().config}"
    columns = st.columns(2)
    sides = []
    for column, label, index in zip(columns, (t("Height in pixels"), t("Width in pixels")), (0, 1), strict=True):
        value = None if now is None else now[index]
        with column:
            sides.append(
                st.number_input(label, 1, _MOST_PIXELS, value, step=1, key=f"{key}-{index}", placeholder=placeholder)
            )
    height, width = sides
    if proposed is None:
        st.caption(t("A TorchScript file does not say its size: give it here. Files of the other kinds know theirs."))
    if height is None or width is None:
        return None
    shape = int(height), int(width)
    if shape != export_draft.current().shape:
        export_draft.change(shape=None if shape == proposed else shape)
    if proposed is not None and shape != proposed:
        _note_other_shape(proposed)
    return shape


def _note_other_shape(proposed: tuple[int, int]) -> None:
    height, width = proposed
    show_note(
        t(
            "The config was made for {width} × {height} pixels. At another size the accuracy is usually lower.",
            width=width,
            height=height,
        )
    )


def _ask_options() -> None:
    draft = export_draft.current()
    left, right = st.columns(2, gap="large", vertical_alignment="bottom")
    with left:
        opset = st.selectbox(
            t("ONNX version (opset)"),
            list(OPSETS),
            index=OPSETS.index(draft.opset),
            key="export-opset",
            help=t("17 suits most tools. Choose another only if the program that will run the model asks for it."),
        )
    with right:
        dynamic_batch = st.toggle(
            t("Take any number of pictures at once"),
            draft.dynamic_batch,
            key="export-batch",
            help=t("For servers. On phones and small boards one picture at a time is usual; ncnn takes no other."),
        )
    export_draft.change(opset=opset, dynamic_batch=dynamic_batch)
    folder = ask_for_path("folder", "export-out", label=t("Another folder for the ONNX file"))
    if folder is not None:
        export_draft.change(out=folder)
        st.rerun()


def _show_out(request: ExportRequest) -> None:
    target = request.target
    if uploads.is_upload(target):
        st.caption(t("The ONNX file can be downloaded when it is made, or converted at once."))
        return
    st.markdown(t("It will be written to {path}", path=f"**{plain(target)}**"))
    if target.exists():
        show_note(t("This file exists already and will be replaced."))


def _start(request: ExportRequest) -> None:
    try:
        request.check()
        check_output_folder(request.target.parent)
    except EdgePressError as exc:
        show_error(exc)
        return
    EXPORT.start(request)
    st.rerun()


def _error_of(request: ExportRequest) -> EdgePressError | None:
    """Why this request failed the last time; None where it was changed since."""
    status = EXPORT.status
    if not status.arguments or replace(status.arguments[0], trust_checkpoint=False) != request:
        return None
    return status.error


def _show_error(error: EdgePressError) -> None:
    if isinstance(error, Cancelled):
        st.info(t("It was cancelled. No file was written."), icon=":material/info:")
    else:
        show_error(error)


def _ask_consent(request: ExportRequest, error: ConsentNeeded) -> None:
    """The file could not be opened safely: ask whether it may run code."""
    trusts = ask_consent(error, agree=t("I trust this file: open it"), decline=t("Do not open it"), key="export")
    if trusts:
        _start(replace(request, trust_checkpoint=True))
    elif trusts is False:
        EXPORT.forget()
        export_draft.change(checkpoint=None)
        st.rerun()

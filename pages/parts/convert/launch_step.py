"""The last step of Convert: where the files go, and the button that starts the job."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import streamlit as st

from core.common.errors import EdgePressError
from core.common.paths import output_stem
from core.common.publish import check_output_folder
from core.common.text import plural
from core.job.job import Job
from core.job.preflight_result import PreflightResult
from core.onnx_model.source import Source
from core.preprocessing import Preprocessing
from core.queue.supervisor import get_supervisor
from core.targets import target_by_id
from pages.parts.convert import draft
from pages.parts.convert.allowed_change_form import chosen_change
from pages.parts.convert.examples_step import Examples
from pages.parts.convert.sample import is_sample
from pages.parts.paths import uploads
from pages.parts.paths.path_chooser import ask_for_path
from pages.parts.widgets.error_message import show_error
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain
from pages.parts.widgets.step import show_note, step_heading


def launch(
    source: Source,
    examples: Examples,
    preprocessing: Preprocessing | None,
    targets: tuple[PreflightResult, ...],
    *,
    number: int,
) -> str | None:
    """Draw the step; the id of the new job, once, when the button has been pressed.

    Args:
        source: the model.
        examples: for the calibration and the test.
        preprocessing: how its pictures are prepared; None while that is not settled.
        targets: what to make, and what is known of it.
        number: of the step.
    """
    with st.container(border=True, key="step-launch"):
        step_heading(number, t("Convert"))
        _show_out(source, targets)
        is_ready = preprocessing is not None and bool(targets)
        if not targets:
            st.caption(t("Tick at least one file to make."))
        label = t(plural("Make one file", "Make {count} files", count=len(targets)))
        pressed = st.button(
            label, type="primary", icon=":material/bolt:", key="convert", disabled=not is_ready, width="stretch"
        )
        if not pressed or preprocessing is None:
            return None
        try:
            return _submit(source, examples, preprocessing, targets)
        except EdgePressError as exc:
            show_error(exc)
            return None


def _show_out(source: Source, targets: tuple[PreflightResult, ...]) -> None:
    chosen = draft.current().out
    if chosen is None and (uploads.is_upload(source.path) or is_sample(source.path)):
        st.caption(t("The files can be downloaded from the Results page."))
    else:
        out = chosen or source.path.parent
        st.markdown(t("The files go into {folder}", folder=f"**{plain(out)}**"))
        _warn_of_replacing(out, source, targets)
    with st.expander(t("Choose another folder for the results"), icon=":material/drive_file_move:"):
        folder = ask_for_path("folder", "out", label=t("Folder for the results"))
        if folder is not None:
            draft.change(out=folder)
            st.rerun()


def _warn_of_replacing(out: Path, source: Source, targets: tuple[PreflightResult, ...]) -> None:
    names = [name for result in targets for name in target_by_id(result.target).file_names(output_stem(source.path))]
    present = [name for name in names if (out / name).exists()]
    if present:
        show_note(t("These exist already and will be replaced: {names}", names=plain(", ".join(present))))


def _submit(
    source: Source, examples: Examples, preprocessing: Preprocessing, targets: tuple[PreflightResult, ...]
) -> str:
    """Queue the job.

    Raises:
        OptionError: the results cannot be written, or the job cannot be saved.
    """
    stamp = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S")
    choices = draft.current()
    change, keep = chosen_change()
    out = choices.out or draft.default_out(source.path, stamp)
    check_output_folder(out)
    return get_supervisor().submit(
        Job(
            source=source.path,
            targets=tuple(result.target for result in targets),
            preprocessing=preprocessing,
            out=out,
            images=None if examples.folder is None else examples.folder.path,
            test_images=None if examples.test is None else examples.test.path,
            task=choices.task,
            score=choices.score,
            change=change,
            keep=keep,
            dequantize=source.dequantize,
            model=source,
            preflight=targets,
        )
    )

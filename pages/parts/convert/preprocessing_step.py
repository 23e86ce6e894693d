"""Step 3 of Convert: the task and the preprocessing of pictures; inferred, shown, and open to change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from core.common.errors import EdgePressError, ImagesError
from core.common.text import say
from core.inputs.example_folder import ExampleFolder
from core.inputs.infer_in_subprocess import infer_in_subprocess
from core.inputs.infer_preprocessing import Proposal
from core.inputs.labels_for_task import takes_one_object
from core.inputs.recognition import TaskRequest
from core.job.task_name import TaskName
from core.onnx_model.source import Source
from core.preprocessing import Preprocessing
from pages.parts.convert import draft
from pages.parts.convert.example_folder import cut_out_objects, frames
from pages.parts.convert.examples_step import Examples
from pages.parts.convert.preprocessing_form import ask_preprocessing
from pages.parts.convert.task_form import ask_task
from pages.parts.widgets.error_message import show_error
from pages.parts.widgets.language import current, t
from pages.parts.widgets.markdown import plain
from pages.parts.widgets.step import step_heading

_PROPOSAL = "proposal"
_ROUND = "preprocessing-round"
_INFERENCE_SECONDS = 120.0
_SHOWN = 6


def choose_preprocessing(source: Source, examples: Examples) -> Preprocessing | None:
    """Draw the step; the settings that were chosen, or None while they cannot be used."""
    if not source.takes_image:
        return Preprocessing((224, 224))  # it will not be used, and a job always has one
    with st.container(border=True, key="step-preprocessing"):
        step_heading(3, t("What the model sees"))
        proposal = _proposal(source, examples)
        if proposal is None:
            return None
        # New keys with every proposal, so that the fields start from it; and with every language, since Streamlit keeps
        # the words of a choice. What was chosen is in the draft.
        key = f"{st.session_state.get(_ROUND, 0)}-{current()}"
        ask_task(proposal, key)
        st.caption(plain(t(proposal.reason)))
        preview = st.container()
        with st.expander(t("Change how pictures are prepared (preprocessing)"), icon=":material/tune:"):
            now = draft.current().preprocessing or proposal.preprocessing
            chosen = ask_preprocessing(source, now, f"preprocessing-{key}", on_reset=_reset)
        if chosen is None:
            return None
        draft.change(preprocessing=None if chosen == proposal.preprocessing else chosen)
        with preview:
            _show(chosen, examples, draft.current().task or proposal.task)
    return chosen


def _proposal(source: Source, examples: Examples) -> Proposal | None:
    """Inferred once for each model, folders and chosen task; it runs the model, so it takes some seconds."""
    images, test_images = (None if one is None else one.path for one in (examples.folder, examples.test))
    task = draft.current().task
    key = (source.path, source.path.stat().st_mtime_ns, images, test_images, task)
    known_key, result = st.session_state.get(_PROPOSAL, (None, None))
    if known_key != key:
        with st.spinner(t("Trying the model out to find how it wants its pictures")):
            result = _infer(source, images, test_images, task)
        st.session_state[_PROPOSAL] = (key, result)
        st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
    if not isinstance(result, EdgePressError):
        return result  # type: ignore[no-any-return]
    show_error(result)
    return _default(source)


def _infer(
    source: Source, images: Path | None, test_images: Path | None, task: TaskName | None
) -> Proposal | EdgePressError:
    request = TaskRequest(task)
    try:
        return infer_in_subprocess(source, images, test_images=test_images, request=request, timeout=_INFERENCE_SECONDS)
    except EdgePressError as exc:
        return exc


def _default(source: Source) -> Proposal:
    """A start for setting everything by hand, where inference failed."""
    height, width = (side if isinstance(side, int) else 224 for side in source.image_size)
    channels = source.inputs[0].shape[3 if source.layout == "nhwc" else 1]
    start = Preprocessing((height, width), layout=source.layout or "nchw")
    if channels == 1:
        start = start.with_color("gray")
    start = start.for_dtype(source.inputs[0].dtype)
    task = draft.current().task or "tensors"
    return Proposal(start, say("Please set how the pictures are to be prepared."), task)


def _reset() -> None:
    draft.change(preprocessing=None)
    st.session_state[_ROUND] += 1


def _show(preprocessing: Preprocessing, chosen: Examples, task: TaskName) -> None:
    examples = chosen.folder
    if examples is not None and not examples.holds_images:
        st.info(t("Arrays are given to the model as they are."), icon=":material/data_array:")
        return
    if examples is None:
        st.info(t("Choose example pictures to see here what the model will see."), icon=":material/visibility:")
        return
    folders = [folder for folder in (examples, chosen.test) if folder is not None]
    objects = _objects(preprocessing, folders) if takes_one_object(task) else ()
    with st.container(horizontal=True, gap="small", key="preview-strip"):
        for picture in objects or _pictures(preprocessing, examples):
            st.image(picture, width=140)
    height, width = preprocessing.size
    if objects:
        st.caption(
            t(
                "Each labelled body, face or hand is cut out of its picture and brought to {width} × {height} pixels.",
                width=width,
                height=height,
            )
        )
    else:
        st.caption(t("Each picture is brought to {width} × {height} pixels.", width=width, height=height))


def _objects(preprocessing: Preprocessing, folders: Sequence[ExampleFolder]) -> Sequence[bytes]:
    """Labelled objects of the first folder that has any."""
    for folder in folders:
        try:
            with st.spinner(t("Cutting out what is labelled")):
                found = cut_out_objects(str(folder.path), preprocessing, _SHOWN)
        except ImagesError:
            continue  # the folder was changed in the meantime
        if found:
            return found
    return ()


def _pictures(preprocessing: Preprocessing, examples: ExampleFolder) -> Sequence[bytes]:
    try:
        return frames(tuple(map(str, examples.shown[:_SHOWN])), preprocessing)
    except ImagesError:
        return ()  # the files were changed in the meantime

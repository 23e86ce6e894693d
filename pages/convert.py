"""Convert: choose a model, check what is proposed, start the job and watch it."""

from __future__ import annotations

import streamlit as st

from core.common.errors import EdgePressError
from core.queue.state import JobState
from core.queue.supervisor import get_supervisor
from pages.parts.convert import draft, sample
from pages.parts.convert.examples_step import choose_examples
from pages.parts.convert.launch_step import launch
from pages.parts.convert.live_progress import watch
from pages.parts.convert.model_step import choose_model
from pages.parts.convert.preprocessing_step import choose_preprocessing
from pages.parts.convert.targets_step import choose_targets
from pages.parts.widgets.error_message import show_error
from pages.parts.widgets.job_end import show_end
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain

_WATCHED = "watched-job"


def _page() -> None:
    watched = st.query_params.get("job")
    if watched is None:
        _form()
    else:
        _watch(watched)


def _form() -> None:
    if draft.current().source is None:
        _welcome()
    else:
        st.title(t("Convert"), anchor=False)
    source = choose_model()
    if source is None:
        return
    examples = choose_examples(source)
    preprocessing = choose_preprocessing(source, examples)
    number = 4 if source.takes_image else 3
    size = None if preprocessing is None else preprocessing.size
    targets = choose_targets(source, samples=examples.counts, size=size, number=number)
    job_id = launch(source, examples, preprocessing, targets, number=number + 1)
    if job_id is not None:
        draft.forget()
        _go_to(job_id)


def _welcome() -> None:
    with st.container(key="welcome", border=True):
        left, right = st.columns([3, 2], gap="large", vertical_alignment="center")
        with left:
            st.title(t("Make your model small and fast"), anchor=False)
            st.markdown(
                t(
                    "Give EdgePress a trained ONNX model and some pictures. It makes up to six smaller files for "
                    "phones, small boards and PCs, runs every one of them, and shows what each gains and costs. "
                    "Nothing leaves this computer."
                )
            )
        with right, st.container(horizontal_alignment="center", gap="xsmall"):
            _offer_sample()


def _offer_sample() -> None:
    if not sample.is_available():
        return
    if st.button(t("Try the sample"), type="primary", icon=":material/play_arrow:", key="try_sample"):
        try:
            job_id = get_supervisor().submit(sample.sample_job())
        except EdgePressError as exc:
            show_error(exc)
        else:
            _go_to(job_id)
    st.caption(
        t("A small image classifier for six kinds of ground. It takes well under a minute."), text_alignment="center"
    )


def _go_to(job_id: str) -> None:
    """The address names the job, so that it is still there after a refresh."""
    st.query_params["job"] = job_id
    st.rerun()


def _watch(job_id: str) -> None:
    store = get_supervisor().store
    try:
        state = store.state(job_id)
        name = plain(store.job(job_id).source.name)
    except EdgePressError as exc:
        st.title(t("Convert"), anchor=False)
        show_error(exc)
        _offer_another()
        return
    if state.is_active:
        st.title(t("Converting {name}", name=name), anchor=False)
        st.session_state[_WATCHED] = job_id
        watch(job_id)
        return
    if state.status == "done" and st.session_state.pop(_WATCHED, None) == job_id:
        st.switch_page("pages/results.py", query_params={"job": job_id})
    st.title(name, anchor=False)
    _show_end(job_id, state)


def _show_end(job_id: str, state: JobState) -> None:
    show_end(state)
    with st.container(horizontal=True, gap="small"):
        if state.status == "done":
            label = t("See the results")
            if st.button(label, type="primary", icon=":material/monitoring:", key="see_results"):
                st.switch_page("pages/results.py", query_params={"job": job_id})
        _offer_another()


def _offer_another() -> None:
    if st.button(t("Convert a model"), icon=":material/add:", key="convert-another"):
        del st.query_params["job"]
        st.rerun()


_page()

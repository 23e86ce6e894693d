"""Jobs: all conversions, finished, running and waiting."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

import streamlit as st

from core.common import number_format
from core.common.errors import EdgePressError
from core.common.paths import home, is_folder
from core.common.text import Text, say
from core.job.job import Job
from core.queue.state import JobState, JobStatus
from core.queue.supervisor import get_supervisor
from core.targets import in_order, target_by_id
from pages.parts.widgets.empty_page import show_empty
from pages.parts.widgets.error_message import fragment, show_error
from pages.parts.widgets.job_end import show_end
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain

_SHOWN = 20
_REFRESH_SECONDS = 1.0
_Color = Literal["gray", "primary", "green", "red", "orange"]
_STATES: Mapping[JobStatus, tuple[Text, str, _Color]] = {
    "queued": (say("waiting"), ":material/schedule:", "gray"),
    "running": (say("running"), ":material/hourglass_top:", "primary"),
    "done": (say("done"), ":material/check_circle:", "green"),
    "failed": (say("failed"), ":material/error:", "red"),
    "cancelled": (say("cancelled"), ":material/stop_circle:", "gray"),
    "interrupted": (say("interrupted"), ":material/power_off:", "orange"),
}


def _page() -> None:
    st.title(t("Jobs"), anchor=False)
    ids = get_supervisor().store.ids()
    if not ids:
        show_empty(t("No jobs yet"), t("Every conversion is kept in this list, with its results."))
        return
    count = st.session_state.get("jobs-shown", _SHOWN)
    for job_id in ids[:count]:
        is_active = get_supervisor().store.state(job_id).is_active
        fragment(_show_job, run_every=_REFRESH_SECONDS if is_active else None)(job_id, is_active)
    if count < len(ids) and st.button(t("Show more"), key="jobs-more", icon=":material/expand_more:"):
        st.session_state["jobs-shown"] = count + _SHOWN
        st.rerun()


def _show_job(job_id: str, was_active: bool) -> None:
    store = get_supervisor().store
    try:
        state = store.state(job_id)
    except EdgePressError:
        st.rerun()  # deleted in another window
    if was_active and not state.is_active:
        st.rerun()
    with st.container(border=True, key=f"job-{job_id}"):
        job, problem = _read(job_id)
        if problem is not None:  # whatever its state says, it can only be deleted
            state = replace(state, status="failed")
        _show_heading(job, state)
        if state.is_active:
            message = t("Waiting for its turn") if state.message is None else t(state.message)
            st.progress(state.fraction, text=plain(message))
        elif problem is not None:
            show_error(problem)
        elif state.status != "done":
            show_end(state)
        _offer_actions(job_id, job, state)


def _read(job_id: str) -> tuple[Job | None, EdgePressError | None]:
    """The job, or what is wrong with its folder."""
    try:
        return get_supervisor().store.job(job_id), None
    except EdgePressError as exc:
        return None, exc


def _show_heading(job: Job | None, state: JobState) -> None:
    status, icon, color = _STATES[state.status]
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        name = plain(job.source.name) if job is not None else t("Unknown model")
        st.markdown(f"**{name}**", width="content")
        st.badge(t(status), icon=icon, color=color)
    parts = [number_format.moment(state.created)]
    if state.started is not None and state.finished is not None:
        parts.append(t("took {time}", time=number_format.duration(state.finished - state.started)))
    st.caption(plain(" · ".join(parts)))
    if job is not None:
        with st.container(horizontal=True, gap="xsmall"):
            for target in in_order(job.targets):
                st.badge(t(target_by_id(target).title), color="gray")


def _offer_actions(job_id: str, job: Job | None, state: JobState) -> None:
    with st.container(horizontal=True, gap="small"):
        if state.is_active:
            if st.button(t("Watch"), key=f"watch-{job_id}", icon=":material/visibility:"):
                st.switch_page("pages/convert.py", query_params={"job": job_id})
            if st.button(t("Cancel"), key=f"cancel-{job_id}", icon=":material/stop_circle:"):
                get_supervisor().cancel(job_id)
                st.rerun()
            return
        if state.status == "done" and st.button(
            t("See the results"), key=f"open-{job_id}", icon=":material/monitoring:"
        ):
            st.switch_page("pages/results.py", query_params={"job": job_id})
        if state.status != "done" and job is not None:
            st.button(t("Try again"), key=f"again-{job_id}", icon=":material/replay:", on_click=_again, args=(job,))
        with st.popover(t("Delete"), icon=":material/delete:"):
            _confirm(job_id, job)


def _again(job: Job) -> None:
    try:
        get_supervisor().submit(job)
    except EdgePressError as exc:
        show_error(exc)


def _confirm(job_id: str, job: Job | None) -> None:
    own = _own_results(job)
    if own is not None and is_folder(own):
        st.markdown(t("The job and the files that it made will be deleted. Download first what you want to keep."))
    else:
        st.markdown(t("The job will be deleted. The files that it made stay where they are."))
    if not st.button(t("Delete it"), key=f"delete-{job_id}", type="primary", icon=":material/delete_forever:"):
        return
    try:
        get_supervisor().store.delete(job_id)
    except EdgePressError as exc:
        show_error(exc)
        return
    if own is not None:
        shutil.rmtree(own, ignore_errors=True)
    st.rerun()


def _own_results(job: Job | None) -> Path | None:
    """The results in EdgePress's own folder, where those of uploaded models and of the sample go."""
    if job is None or job.out.parent != home() / "results":
        return None
    return job.out


_page()

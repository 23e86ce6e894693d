"""A job while it runs, read from its state file: progress, the targets made so far, and Cancel."""

from __future__ import annotations

import time
from contextlib import suppress

import streamlit as st

from core.common import number_format
from core.common.errors import EdgePressError
from core.common.text import say
from core.job.job import Job
from core.queue.state import JobState
from core.queue.supervisor import get_supervisor
from core.targets import target_by_id
from pages.parts.widgets.error_message import fragment, show_error
from pages.parts.widgets.language import t
from pages.parts.widgets.progress import REFRESH_SECONDS, note_background, show_progress


def watch(job_id: str) -> None:
    """Draw the job for as long as it waits or runs, then have the page drawn anew.

    Args:
        job_id: an active job.
    """
    fragment(_draw, run_every=REFRESH_SECONDS)(job_id)


def _draw(job_id: str) -> None:
    try:
        state = get_supervisor().store.state(job_id)
    except EdgePressError:
        st.rerun()  # deleted in another window
    if not state.is_active:
        st.rerun()
    with st.container(border=True, key="live-progress"):
        show_progress(state.fraction, say("Waiting for its turn") if state.status == "queued" else state.message)
        with suppress(EdgePressError):
            _draw_targets(get_supervisor().store.job(job_id), state)
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            if st.button(t("Cancel"), key="cancel", icon=":material/stop_circle:"):
                _cancel(job_id)
            st.caption(_elapsed(state), width="content")
    note_background()


def _draw_targets(job: Job, state: JobState) -> None:
    with st.container(horizontal=True, gap="small"):
        current = -1 if state.targets_made is None else state.targets_made
        for index, target_id in enumerate(job.targets):
            title = t(target_by_id(target_id).title)
            if index < current:
                st.badge(title, icon=":material/check:", color="green")
            elif index == current:
                st.badge(title, icon=":material/hourglass_top:", color="primary")
            else:
                st.badge(title, icon=":material/more_horiz:", color="gray")


def _elapsed(state: JobState) -> str:
    if state.started is None:
        return ""
    return t("{time} so far", time=number_format.duration(time.time() - state.started))


def _cancel(job_id: str) -> None:
    try:
        get_supervisor().cancel(job_id)
    except EdgePressError as exc:
        show_error(exc)
        return
    st.rerun()

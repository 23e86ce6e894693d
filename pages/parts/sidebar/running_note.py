"""What is running, shown in the sidebar of every page."""

from __future__ import annotations

import streamlit as st

from core.common.errors import EdgePressError
from core.queue.state import JobState
from core.queue.supervisor import get_supervisor
from pages.parts.pytorch.background_tasks import EXPORT
from pages.parts.widgets.error_message import fragment
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain

_REFRESH_SECONDS = 2.0
_NEWEST = 20  # active jobs are among the newest


def show_running() -> None:
    """Draw the running job and the running export, with a link to each; nothing where there is none."""
    is_busy = EXPORT.status.is_running or bool(_active())
    fragment(_draw, run_every=_REFRESH_SECONDS if is_busy else None)()


def _draw() -> None:
    _draw_export()
    _draw_job()


def _draw_export() -> None:
    status = EXPORT.status
    if status.is_running:
        st.progress(status.fraction, text=plain(status.arguments[0].checkpoint.name))
        st.page_link("pages/pytorch.py", label=t("Watch it"), icon=":material/visibility:")


def _draw_job() -> None:
    active = _active()
    if not active:
        return
    job_id, state = active[-1]  # the oldest is the one that runs
    try:
        name = get_supervisor().store.job(job_id).source.name
    except EdgePressError:
        return
    st.progress(state.fraction, text=plain(name))
    label = t("Watch it") if len(active) == 1 else t("Watch it ({count} more waiting)", count=len(active) - 1)
    st.page_link("pages/convert.py", label=label, icon=":material/visibility:", query_params={"job": job_id})


def _active() -> list[tuple[str, JobState]]:
    """Jobs that wait or run, newest first."""
    store = get_supervisor().store
    found = []
    for job_id in store.ids()[:_NEWEST]:
        try:
            state = store.state(job_id)
        except EdgePressError:
            continue  # deleted at this moment
        if state.is_active:
            found.append((job_id, state))
    return found

"""Which job a page shows: the one in its address, or else the newest that is done."""

from __future__ import annotations

from dataclasses import dataclass, replace

import streamlit as st

from core.common import number_format
from core.common.errors import EdgePressError
from core.job.job import Job
from core.queue.state import JobState
from core.queue.store import JobStore
from core.queue.supervisor import get_supervisor
from core.report.schema import Report, read_report
from core.targets import TARGET_IDS
from pages.parts.widgets.empty_page import show_empty
from pages.parts.widgets.job_end import show_end
from pages.parts.widgets.language import t

_NEWEST = 50  # choosing from more than the newest few dozen is what the Jobs page is for
_CONTROL = "job-control"


@dataclass(frozen=True)
class Done:
    """A job with results to show."""

    id: str
    job: Job
    state: JobState
    report: Report


def choose_job() -> Done | None:
    """Draw the choice; the chosen job, or None and a hint where there is none.

    Raises:
        EdgePressError: the chosen job cannot be read.
    """
    store = get_supervisor().store
    jobs = _done_jobs(store)
    asked = st.query_params.get("job") or st.session_state.get("job")
    if asked is not None and asked not in jobs and asked in store.ids():
        jobs = {asked: store.job(asked), **jobs}
    if not jobs:
        hint = t("Convert a model, or try the sample; the results then appear here.")
        show_empty(t("Nothing has been converted yet"), hint)
        return None
    ids = list(jobs)
    chosen: str = st.selectbox(
        t("Conversion"),
        ids,
        index=ids.index(asked) if asked in ids else 0,
        format_func=lambda job_id: _name(job_id, jobs[job_id], store),
        key=f"{_CONTROL}-{asked}",
        label_visibility="collapsed",
    )
    if chosen != asked:
        st.session_state["job"] = st.query_params["job"] = chosen
    st.session_state["job"] = chosen
    return _open(store, chosen, jobs[chosen])


def _open(store: JobStore, job_id: str, job: Job) -> Done | None:
    state = store.state(job_id)
    if state.is_active:
        st.info(t("This conversion still runs."), icon=":material/hourglass_top:")
        st.page_link(
            "pages/convert.py", label=t("Watch it"), icon=":material/visibility:", query_params={"job": job_id}
        )
        return None
    if state.status != "done":
        show_end(state)
        return None
    report = read_report(store.report(job_id))
    known = tuple(outcome for outcome in report.outcomes if outcome.target in TARGET_IDS)
    return Done(job_id, job, state, replace(report, outcomes=known))


def _done_jobs(store: JobStore) -> dict[str, Job]:
    jobs = {}
    for job_id in store.ids()[:_NEWEST]:
        try:
            if store.state(job_id).status == "done":
                jobs[job_id] = store.job(job_id)
        except EdgePressError:
            continue  # damaged or deleted; the Jobs page shows it
    return jobs


def _name(job_id: str, job: Job, store: JobStore) -> str:
    return f"{job.source.name} · {number_format.moment(store.state(job_id).created)}"

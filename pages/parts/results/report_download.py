"""The report to hand on: a button that makes it, then the links to it."""

from __future__ import annotations

import streamlit as st

from core.common.errors import EdgePressError
from core.common.paths import is_file, output_stem
from core.common.unexpected_errors import as_readable_error
from core.html_report.write import ReportFiles, write_report
from core.queue.supervisor import get_supervisor
from pages.parts.widgets.error_message import show_error
from pages.parts.widgets.job_choice import Done
from pages.parts.widgets.language import current, t
from pages.parts.widgets.served_files import DOWNLOADS

_MADE = "report-made"
"""Key of the report of this visit: job and language, with its files."""


def offer_report(done: Done) -> None:
    """Draw the button."""
    if st.button(
        t("Report"),
        icon=":material/description:",
        key="make-report",
        help=t("One file with the answer, charts, pictures and settings, to hand on or to print; it opens anywhere."),
    ):
        _make(done)


def show_made_report(done: Done) -> None:
    """Draw the links once the button was pressed."""
    job_id, language, files = st.session_state.get(_MADE, (None, None, None))
    if (job_id, language) != (done.id, current()) or files is None or not all(map(is_file, files.all)):
        return
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="made-report"):
        st.markdown(t("The report is ready:"), width="content")
        _offer(files)


def _make(done: Done) -> None:
    """Write it into the job's folder; what it was made from may have changed since it was made before."""
    st.session_state.pop(_MADE, None)
    try:
        folder = get_supervisor().store.folder(done.id)
        place = folder / "report" / current()
        place.mkdir(parents=True, exist_ok=True)
        with st.spinner(t("Writing the report")):
            files = write_report(folder, place / f"{output_stem(done.job.source)}-report.html", current())
    except (EdgePressError, OSError) as exc:
        show_error(as_readable_error(exc))
        return
    st.session_state[_MADE] = (done.id, current(), files)


def _offer(files: ReportFiles) -> None:
    st.link_button(
        t("Download the report (HTML)"),
        DOWNLOADS.url([files.html], files.html.name),
        icon=":material/download:",
        type="primary",
    )
    name = files.html.with_suffix(".zip").name
    st.link_button(t("Figures (CSV, JSON)"), DOWNLOADS.url(files.data, name), icon=":material/folder_zip:")

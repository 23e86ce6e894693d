"""Work in the background while it runs: a bar, what is being done, and Cancel."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.common.text import Text, say
from core.process.background_task import BackgroundTask
from pages.parts.widgets.error_message import fragment
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain

REFRESH_SECONDS = 0.5
"""How often a page that shows progress reads it again."""


def show_progress(fraction: float, message: Text | None) -> None:
    """Draw the bar with the share that is done (0 to 1) and what is being done."""
    st.progress(fraction, text=f"**{fraction:.0%}** · {plain(t(message or say('Starting')))}")


def note_background() -> None:
    """Draw the sentence that the work does not depend on this window."""
    st.caption(
        t("You may close this window or look at other pages: the work goes on for as long as EdgePress is open.")
    )


def watch_task(task: BackgroundTask[Any], *, cancel_key: str | None) -> None:
    """Draw a task for as long as it runs, then have the page drawn anew.

    Args:
        task: one that is running.
        cancel_key: key of the button that cancels it; None for a task that cannot be cancelled.
    """
    fragment(_draw, run_every=REFRESH_SECONDS)(task, cancel_key)


def _draw(task: BackgroundTask[Any], cancel_key: str | None) -> None:
    status = task.status
    if not status.is_running:
        st.rerun()
    show_progress(status.fraction, status.message)
    if cancel_key is not None and st.button(t("Cancel"), key=cancel_key, icon=":material/stop_circle:"):
        task.cancel()
        st.rerun()
    note_background()

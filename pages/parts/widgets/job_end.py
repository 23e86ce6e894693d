"""How a job ended."""

from __future__ import annotations

import streamlit as st

from core.common.text import say
from core.queue.state import JobState
from pages.parts.widgets.error_message import show_error_text
from pages.parts.widgets.language import t


def show_end(state: JobState) -> None:
    """Draw how a job ended; nothing for one that is still active."""
    if state.status == "done":
        st.success(t("The files are ready."), icon=":material/check_circle:")
    elif state.status == "cancelled":
        st.info(t("It was cancelled. No unfinished file is left."), icon=":material/info:")
    elif state.status in ("failed", "interrupted"):
        show_error_text(state.reason or say("It did not work."), state.next_step, state.detail)

"""The question whether something may be opened that can run a program."""

from __future__ import annotations

import streamlit as st

from core.common.errors import ConsentNeeded
from pages.parts.widgets.error_message import show_detail
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain


def ask_consent(question: ConsentNeeded, *, agree: str, decline: str, key: str) -> bool | None:
    """Draw the question.

    Args:
        question: what would be opened, and what that can do.
        agree: the words of the one button.
        decline: those of the other.
        key: the beginning of the buttons' keys.

    Returns:
        The answer; None as long as there is none.
    """
    meaning = t(
        "Such a program could read, change or send away your files. Files that you trained yourself, or that come from "
        "a place you trust, are usually harmless. On Linux it gets no network and may write to a folder of its own "
        "only, where the system offers that."
    )
    st.warning(f"**{plain(t(question.reason))}**\n\n{meaning}", icon=":material/gpp_maybe:")
    show_detail(question.detail)
    with st.container(horizontal=True, gap="small"):
        if st.button(agree, icon=":material/lock_open:", key=f"{key}-trust"):
            return True
        if st.button(decline, type="primary", icon=":material/block:", key=f"{key}-distrust"):
            return False
    return None

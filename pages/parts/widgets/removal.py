"""The button that removes something that was fetched, with a second click that confirms it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core.common.errors import EdgePressError
from pages.parts.widgets.error_message import show_error
from pages.parts.widgets.language import t


def offer_removal(key: str, remove: Callable[[], None]) -> None:
    """Draw it; two clicks, since getting it again takes minutes.

    Args:
        key: of the buttons, unique on the page.
        remove: removes it; the page is drawn anew afterwards.
    """
    asked = f"{key}-removing"
    if not st.session_state.get(asked):
        st.button(t("Remove"), key=f"{key}-remove", icon=":material/delete:", on_click=_confirm, args=(asked, True))
        return
    with st.container(horizontal=True, gap="small", width="content"):
        st.button(t("Keep it"), key=f"{key}-keep", on_click=_confirm, args=(asked, False))
        if st.button(t("Really remove it"), key=f"{key}-really", icon=":material/delete:", type="primary"):
            _remove(asked, remove)


def _confirm(asked: str, is_asked: bool) -> None:
    st.session_state[asked] = is_asked


def _remove(asked: str, remove: Callable[[], None]) -> None:
    _confirm(asked, False)
    try:
        with st.spinner(t("Removing")):
            remove()
    except EdgePressError as exc:
        show_error(exc)
        return
    st.rerun()

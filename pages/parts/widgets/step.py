"""What the numbered steps of a form have in common: the heading, what was chosen, and a note beside a choice."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages.parts.widgets.markdown import plain


def step_heading(number: int, title: str) -> None:
    """Draw the number and the title of a step."""
    st.subheader(f":primary[:material/counter_{number}:] {title}", anchor=False)


def show_chosen(name: object, *, change: str, key: str, on_change: Callable[[], None], size: str | None = None) -> None:
    """Draw what was chosen, with a button to choose something else.

    Args:
        name: of what was chosen.
        change: label of the button.
        key: of the button.
        on_change: called when it is pressed, before the page is drawn anew.
        size: of the chosen file, where it is shown.
    """
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", width="content"):
            st.markdown(f"**{plain(name)}**", width="content")
            if size is not None:
                st.badge(size, icon=":material/hard_drive:", color="gray")
        st.button(change, key=key, icon=":material/swap_horiz:", type="tertiary", on_click=on_change)


def show_note(note: str) -> None:
    """Draw something to know about a choice."""
    st.caption(f":orange[:material/info:] {note}")

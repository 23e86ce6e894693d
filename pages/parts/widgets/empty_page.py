"""What a page shows as long as nothing has been converted."""

from __future__ import annotations

import streamlit as st

from pages.parts.widgets.language import t


def show_empty(title: str, hint: str) -> None:
    """Draw a title, a hint and the way to the first conversion."""
    with st.container(border=True, horizontal_alignment="center", key="empty"):
        st.space("small")
        st.markdown(f"#### {title}", width="content")
        st.caption(hint, width="content")
        if st.button(t("Convert a model"), type="primary", icon=":material/bolt:", key="go-convert"):
            st.switch_page("pages/convert.py")
        st.space("small")

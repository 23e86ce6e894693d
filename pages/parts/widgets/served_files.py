"""The model graphs and the files that the browser may fetch: one registry of each for the whole server."""

from __future__ import annotations

import streamlit as st

from core.netron import NetronViews, Theme
from pages.parts.widgets.downloads import Downloads

GRAPHS = NetronViews(st.get_option("server.baseUrlPath") or "")
"""The models whose graphs are shown."""

DOWNLOADS = Downloads(st.get_option("server.baseUrlPath") or "")
"""The files that can be downloaded."""


def theme() -> Theme:
    """The colours in which the reader sees the page."""
    return "dark" if st.context.theme.type == "dark" else "light"

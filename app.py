"""The front door: page list, language, theme, the Netron routes."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages.parts import house, language
from pages.parts.language import t

_ICON = Path(__file__).parent / "assets" / "icon.png"

# With a folder called pages/, a deep link as the first request would go past this file (Streamlit 1.67).
PagesManager.uses_pages_directory = False


def draw() -> None:
    """Draw the side bar and the chosen page."""
    # A local picture: a Material icon here would make the browser fetch it from outside.
    st.set_page_config(page_title="EdgePress", page_icon=str(_ICON), layout="wide")
    house.supervisor()
    pages = [
        st.Page("pages/convert.py", title=t("Convert"), icon=":material/compress:", url_path="convert", default=True),
        st.Page("pages/results.py", title=t("Results"), icon=":material/analytics:", url_path="results"),
        st.Page("pages/graph.py", title=t("Graph"), icon=":material/account_tree:", url_path="graph"),
        st.Page("pages/jobs.py", title=t("Jobs"), icon=":material/history:", url_path="jobs"),
        st.Page("pages/toolbox.py", title=t("Toolbox"), icon=":material/handyman:", url_path="toolbox"),
    ]
    page = st.navigation(pages)
    with st.sidebar:
        language.choose()
    page.run()


if get_script_run_ctx(suppress_warning=True) is not None:
    draw()
else:
    app = st.App(
        __file__,
        routes=house.views().routes(),
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1"])],
    )
    if __name__ == "__main__":
        app.run()

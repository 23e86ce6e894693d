"""The entry point: ``streamlit run app.py`` and ``python app.py`` both serve EdgePress to this computer only."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.common.errors import EdgePressError
from core.common.paths import home, make_private
from core.queue.supervisor import get_supervisor
from core.setup import access
from core.setup.instance import ServerAddress
from pages.parts.results.picture_server import PICTURES
from pages.parts.server.access_middleware import AccessMiddleware
from pages.parts.server.import_ahead import import_ahead
from pages.parts.sidebar.running_note import show_running
from pages.parts.widgets import language
from pages.parts.widgets.error_message import errors_in_words
from pages.parts.widgets.language import current, t
from pages.parts.widgets.served_files import DOWNLOADS, GRAPHS

_ASSETS = Path(__file__).resolve().parent / "assets"

# Where the first request after a start is for another page than the first, Streamlit would otherwise run that page's
# file alone, without this one.
PagesManager.uses_pages_directory = False


def draw() -> None:
    """Draw what surrounds every page, then the page."""
    st.set_page_config(page_title="EdgePress", page_icon=str(_ASSETS / "icon.png"), layout="wide")
    st.html(_ASSETS / "styles" / "pages.css")
    upload_words = _ASSETS / "styles" / f"upload-{current()}.css"
    if upload_words.exists():
        st.html(upload_words)
    st.logo(str(_ASSETS / "logo.svg"), icon_image=str(_ASSETS / "icon.png"), size="large")
    get_supervisor()  # starts the queued jobs, whichever page is opened first
    page = st.navigation(
        [
            st.Page(
                "pages/convert.py", title=t("Convert"), icon=":material/compress:", url_path="convert", default=True
            ),
            st.Page("pages/pytorch.py", title=t("From PyTorch"), icon=":material/input:", url_path="pytorch"),
            st.Page("pages/results.py", title=t("Results"), icon=":material/monitoring:", url_path="results"),
            st.Page("pages/graph.py", title=t("Graph"), icon=":material/account_tree:", url_path="graph"),
            st.Page("pages/jobs.py", title=t("Jobs"), icon=":material/history:", url_path="jobs"),
            st.Page("pages/toolbox.py", title=t("Toolbox"), icon=":material/handyman:", url_path="toolbox"),
        ]
    )
    with st.sidebar:
        with errors_in_words():
            show_running()
        language.choose()
    with errors_in_words():
        page.run()


def who_may_enter() -> tuple[access.Access, bool]:
    """What a request must bring along, and whether the address that opens the app still has to be shown."""
    is_shown_by_launcher = access.TOKEN in os.environ
    try:
        return access.take(os.environ), not is_shown_by_launcher
    except EdgePressError as error:
        sys.exit(f"{error.reason} {error.next_step}")


@asynccontextmanager
async def at_start(_: object) -> AsyncIterator[None]:
    """Import ahead, and show the address with its token in the terminal where nobody else does: now it is known."""
    import_ahead()
    if TO_BE_SHOWN:
        address = ServerAddress(int(st.get_option("server.port")), os.getpid(), ACCESS.token)
        print("EdgePress:", address.url, flush=True)  # noqa: T201
    yield


if get_script_run_ctx(suppress_warning=True) is not None:
    draw()
else:
    make_private(home())
    ACCESS, TO_BE_SHOWN = who_may_enter()
    PREFIX = st.get_option("server.baseUrlPath") or ""
    # "streamlit run" looks for exactly this form, a call of st.App whose result has a name.
    app = st.App(
        __file__,
        routes=[*GRAPHS.routes(), *DOWNLOADS.routes(), *PICTURES.routes()],
        lifespan=at_start,
        middleware=[Middleware(AccessMiddleware, access=ACCESS, prefix=PREFIX)],
    )
    if __name__ == "__main__":
        app.run()

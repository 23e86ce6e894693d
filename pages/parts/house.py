"""What every page shares with the whole app: the jobs, the queue that runs them, the embedded graphs."""

from __future__ import annotations

import streamlit as st

from core.netron import NetronViews
from core.queue.store import JobStore, home
from core.queue.supervisor import Supervisor

_VIEWS = NetronViews()


def store() -> JobStore:
    """All jobs, on disk."""
    return JobStore(home())


@st.cache_resource(show_spinner=False)
def supervisor() -> Supervisor:
    """The one queue of this server."""
    queue = Supervisor(store())
    queue.start()
    return queue


def views() -> NetronViews:
    """The embedded graphs; the app serves their routes."""
    return _VIEWS

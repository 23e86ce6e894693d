"""The environment for PyTorch models of OpenMMLab: its state, and the buttons that install and remove it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import streamlit as st

from core.common import number_format
from core.common.errors import Cancelled
from core.common.text import Text, say
from core.setup import openmmlab
from pages.parts.pytorch.background_tasks import OPENMMLAB_INSTALLATION
from pages.parts.widgets.error_message import show_error
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain
from pages.parts.widgets.progress import watch_task
from pages.parts.widgets.removal import offer_removal

_STATES: Mapping[openmmlab.EnvironmentStatus, tuple[Text, str, Literal["gray", "orange", "green"]]] = {
    "absent": (say("not installed"), ":material/more_horiz:", "gray"),
    "unfinished": (say("not complete"), ":material/build:", "orange"),
    "ready": (say("ready"), ":material/check:", "green"),
}


def show_environment(*, is_quiet: bool = False) -> bool:
    """Draw the card.

    Args:
        is_quiet: draw nothing where it is ready.

    Returns:
        Whether the environment is ready to be used.
    """
    is_installing = OPENMMLAB_INSTALLATION.status.is_running
    status = "unfinished" if is_installing else openmmlab.status()
    if status == "ready" and is_quiet:
        return True
    with st.container(border=True, key="openmmlab"):
        if is_installing:
            st.subheader(t("PyTorch and OpenMMLab"), anchor=False)
            watch_task(OPENMMLAB_INSTALLATION, cancel_key="openmmlab-cancel")
        elif status == "ready":
            _show_ready()
        else:
            _heading(status)
            _show_last_error(is_partial=status == "unfinished")
            _offer(is_partial=status == "unfinished")
    return status == "ready"


def _heading(status: openmmlab.EnvironmentStatus) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", width="content"):
        st.subheader(t("PyTorch and OpenMMLab"), anchor=False, width="content")
        name, icon, color = _STATES[status]
        st.badge(t(name), icon=icon, color=color)


def _offer(*, is_partial: bool) -> None:
    if not is_partial:
        st.markdown(
            t(
                "To open PyTorch models, EdgePress needs PyTorch and the OpenMMLab packages. They go into a folder of "
                "their own, so that nothing else on this computer changes, and you can remove them at any time."
            )
        )
    st.caption(
        t(
            "They come from the internet: about 1.6 GB on the disk (on Linux up to 6 GB, with PyTorch for graphics "
            "cards), a few minutes with a fast connection. "
            "You can cancel and go on later."
        )
    )
    with st.container(horizontal=True, gap="small"):
        label = t("Go on") if is_partial else t("Get PyTorch and OpenMMLab")
        if st.button(label, type="primary", icon=":material/download:", key="openmmlab-make"):
            OPENMMLAB_INSTALLATION.start()
            st.rerun()
        if is_partial:
            offer_removal("openmmlab", _remove)


def _show_last_error(*, is_partial: bool) -> None:
    """How the last installation ended, if it did not end well."""
    error = OPENMMLAB_INSTALLATION.status.error
    if isinstance(error, Cancelled):
        st.info(t("It was cancelled. What was fetched is kept."), icon=":material/info:")
    elif error is not None:
        show_error(error)
    elif is_partial:
        st.warning(t("It is there, but not complete: making it was interrupted."), icon=":material/build:")


def _show_ready() -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        with st.container(width="content", gap=None):
            _heading("ready")
            st.caption(
                t(
                    "{size} in {folder}",
                    size=number_format.size(_size(str(openmmlab.folder()))),
                    folder=plain(openmmlab.folder()),
                )
            )
        offer_removal("openmmlab", _remove)


@st.cache_data(show_spinner=False, ttl=600)
def _size(folder: str) -> int:  # noqa: ARG001 - the cache's key
    return openmmlab.size()


def _remove() -> None:
    OPENMMLAB_INSTALLATION.forget()
    openmmlab.remove()
    _size.clear()

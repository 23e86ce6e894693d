"""The emulated ARM processor: why it cannot be had here, or the buttons that fetch and remove it."""

from __future__ import annotations

import streamlit as st

from core.common import number_format
from core.common.errors import Cancelled
from core.setup import arm
from pages.parts.results.arm_tasks import ARM_INSTALLATION
from pages.parts.widgets.error_message import show_error
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain
from pages.parts.widgets.progress import watch_task
from pages.parts.widgets.removal import offer_removal


def show_arm_emulator() -> None:
    """Draw the card of the Toolbox; nothing where this computer cannot have it."""
    if arm.unavailable() is not None:
        return
    with st.container(border=True, key="arm"):
        st.subheader(t("Emulated ARM processor"), anchor=False)
        if not offer_arm_emulator():
            return
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            size, folder = number_format.size(_size(str(arm.folder()))), plain(arm.folder())
            st.caption(t("{size} in {folder}", size=size, folder=folder))
            offer_removal("arm", _remove)


def offer_arm_emulator() -> bool:
    """Draw how it can be had, where it is not there.

    Returns:
        Whether it is ready to be used.
    """
    reasons = arm.unavailable()
    if reasons is not None:
        st.info("\n\n".join(plain(t(text)) for text in reasons), icon=":material/info:")
        return False
    if ARM_INSTALLATION.status.is_running:
        watch_task(ARM_INSTALLATION, cancel_key="arm-cancel")
        return False
    if arm.is_ready():
        return True
    error = ARM_INSTALLATION.status.error
    if isinstance(error, Cancelled):
        st.info(t("It was cancelled; nothing of it is left."), icon=":material/info:")
    elif error is not None:
        show_error(error)
    st.markdown(
        t(
            "Phones and small boards have ARM processors, which compute a little differently. EdgePress can try files "
            "on an emulated one; it goes into a folder of its own, so that nothing else on this computer changes, and "
            "you can remove it at any time."
        )
    )
    st.caption(
        t(
            "It comes from the internet: about 250 MB on the disk (1 GB while it is fetched), a minute or two with a "
            "fast connection."
        )
    )
    if st.button(t("Get the emulated ARM processor"), icon=":material/download:", key="arm-make"):
        ARM_INSTALLATION.start()
        st.rerun()
    return False


@st.cache_data(show_spinner=False, ttl=600)
def _size(folder: str) -> int:  # noqa: ARG001 - the cache's key
    return arm.size()


def _remove() -> None:
    ARM_INSTALLATION.forget()
    arm.remove()
    _size.clear()

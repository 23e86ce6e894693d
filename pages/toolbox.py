"""Toolbox: the components that EdgePress needs, and one button that installs what is missing."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.common import number_format
from core.common.text import Text, say
from core.setup import toolchain
from pages.parts.pytorch.environment_card import show_environment
from pages.parts.results.arm_card import show_arm_emulator
from pages.parts.toolbox.installation import INSTALLATION
from pages.parts.widgets.error_message import show_error
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain
from pages.parts.widgets.progress import watch_task

_STATES: dict[str, Text] = {"ready": say("ready"), "missing": say("missing"), "broken": say("broken")}


def _page() -> None:
    st.title(t("Toolbox"), anchor=False)
    if INSTALLATION.status.is_running:
        watch_task(INSTALLATION, cancel_key=None)
        return
    if INSTALLATION.status.error is not None:
        show_error(INSTALLATION.status.error)
    with st.spinner(t("Checking every component")):
        components = _check()
    _show_verdict(components)
    _show_components(components)
    if st.button(t("Check again"), icon=":material/refresh:", key="check-again"):
        _check.clear()
        st.rerun()
    show_environment()
    show_arm_emulator()


@st.cache_data(show_spinner=False, ttl=600)
def _check() -> tuple[toolchain.Component, ...]:
    return toolchain.check()


def _show_verdict(components: tuple[toolchain.Component, ...]) -> None:
    lacking = [component for component in components if component.lacking]
    if not lacking:
        st.success(t("Everything is ready."), icon=":material/check_circle:")
        return
    names = ", ".join(component.name for component in lacking)
    st.warning(t("Something is missing or broken: {names}", names=plain(names)), icon=":material/build:")
    if st.button(t("Install what is missing"), type="primary", icon=":material/download:", key="install"):
        _check.clear()
        INSTALLATION.start()
        st.rerun()


def _show_components(components: tuple[toolchain.Component, ...]) -> None:
    rows = [
        {
            "part": component.name,
            "state": _state(component),
            "version": component.version or number_format.NOTHING,
            "needed": t(component.needed_for),
            "remark": "" if component.note is None else t(component.note),
        }
        for component in components
    ]
    column = st.column_config.TextColumn
    config = {
        "part": column(t("Component"), width=180),
        "state": column(t("State"), width=118),
        "version": column(t("Version"), width=112),
        "needed": column(t("Needed for"), width=350),
        "remark": column(t("Remark"), width=215),
    }
    st.dataframe(pd.DataFrame(rows), hide_index=True, height="content", column_config=config)


def _state(component: toolchain.Component) -> str:
    if component.status == "missing" and component.optional:
        return t("not installed")
    return t(_STATES[component.status])


_page()

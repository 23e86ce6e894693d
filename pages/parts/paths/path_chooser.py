"""Three ways to give a path on this computer: type it, browse for it in the page, or use the system's dialog."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import streamlit as st

from core.common.errors import EdgePressError
from core.common.path_rules import check_local
from core.common.paths import home
from pages.parts.paths import system_window
from pages.parts.paths.folder_browser import open_browser
from pages.parts.paths.system_window import PathKind
from pages.parts.widgets.error_message import show_error
from pages.parts.widgets.language import t

_LAST_FOLDER = "last-folder"


def ask_for_path(kind: PathKind, key: str, *, label: str, placeholder: str = "") -> Path | None:
    """Draw the three ways.

    Args:
        kind: what is asked for.
        key: distinguishes this question from others on the page.
        label: of the text field.
        placeholder: an example.

    Returns:
        The path, once, when it has just been given; it need not exist.
    """
    result_key = f"{key}-chosen"
    st.text_input(label, key=f"{key}-typed", placeholder=placeholder, on_change=_take_typed, args=(key,))
    refused: EdgePressError | None = st.session_state.pop(f"{key}-refused", None)
    if refused is not None:
        show_error(refused)
    with st.container(horizontal=True, gap="small"):
        if st.button(t("Browse"), key=f"{key}-browse", icon=":material/folder_open:"):
            open_browser(kind, result_key, _start())
        if system_window.is_available() and st.button(
            t("System dialog"), key=f"{key}-system", icon=":material/open_in_new:"
        ):
            with st.spinner(t("Choose in the window that has opened.")):
                st.session_state[result_key] = system_window.ask(kind, _start())
    chosen: Path | None = st.session_state.pop(result_key, None)
    if chosen is not None:
        st.session_state[_LAST_FOLDER] = chosen.parent
    return chosen


def typed_path(typed: str) -> Path | None:
    """A path as people paste it: in quotes, as a file address, or with ~ for their own folder.

    Raises:
        OptionError: it is on another computer, which is not asked.
    """
    cleaned = typed.strip().strip("\"'").strip()
    if cleaned.startswith("file://"):
        address = urlsplit(cleaned)
        cleaned = unquote(address.path)
        if address.netloc not in ("", "localhost"):  # file://host/share
            cleaned = f"//{address.netloc}{cleaned}"
        if os.name == "nt":  # file:///C:/models/x.onnx
            cleaned = re.sub(r"^/(?=[A-Za-z]:)", "", cleaned)
    check_local(cleaned)
    return Path(os.path.expanduser(cleaned)).absolute() if cleaned else None  # noqa: PTH111 - leaves ~nobody as it is


def _take_typed(key: str) -> None:
    try:
        path = typed_path(st.session_state[f"{key}-typed"] or "")
    except EdgePressError as exc:
        st.session_state[f"{key}-refused"] = exc
        return
    if path is not None:
        st.session_state[f"{key}-chosen"] = path


def _start() -> Path:
    last = st.session_state.get(_LAST_FOLDER)
    if isinstance(last, Path) and not last.is_relative_to(home()):
        return last
    return Path.home()

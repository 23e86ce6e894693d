"""A field for files that come through the browser, emptied as soon as they are on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from core.common.errors import InputError
from core.queue.supervisor import get_supervisor
from pages.parts.paths import uploads
from pages.parts.widgets.error_message import show_error


def ask_for_upload(label: str, key: str, save: Callable[[Any], Path], **options: Any) -> Path | None:
    """Draw the field.

    Args:
        label: shown above it.
        key: distinguishes it from other fields.
        save: writes what was uploaded, a file or a list of files, and returns its path; raises :class:`InputError`.
        options: of ``st.file_uploader``.

    Returns:
        The path, once, when something has just been uploaded.
    """
    round_number = st.session_state.setdefault(key, 0)
    uploaded = st.file_uploader(label, key=f"{key}-{round_number}", **options)
    if not uploaded:
        return None
    try:
        uploads.sweep(get_supervisor().store)
        path = save(uploaded)
    except InputError as exc:
        show_error(exc)
        return None
    # A new key empties the field, and with it the copies in memory.
    st.session_state[key] = round_number + 1
    return path

"""The reader's language: chosen in the side bar, kept in the data folder, used for every word on a page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import streamlit as st

from core.console import system_language
from core.queue.store import home
from core.text import LANGUAGES, Language, Text, say

_NAMES: dict[Language, str] = {"en": "English", "zh": "中文"}


def t(template: str, **values: Any) -> str:
    """Say an English template in the reader's language."""
    return said(say(template, **values))


def said(text: Text) -> str:
    """Say a sentence that came from the core in the reader's language."""
    return text.in_language(current())


def current() -> Language:
    """The language of this visit; the last one chosen, or the system's."""
    if "language" not in st.session_state:
        st.session_state["language"] = _stored() or system_language()
    chosen: Language = st.session_state["language"]
    return chosen


def choose() -> None:
    """Draw the switch, and keep what is chosen for the next visit."""
    before = current()
    chosen = st.segmented_control(
        "Language / 语言", LANGUAGES, default=before, format_func=_NAMES.__getitem__, key="language_switch"
    )
    if chosen and chosen != before:
        st.session_state["language"] = chosen
        _settings().parent.mkdir(parents=True, exist_ok=True)
        _settings().write_text(json.dumps({"language": chosen}), encoding="utf-8")
        st.rerun()


def _settings() -> Path:
    return home() / "settings.json"


def _stored() -> Language | None:
    try:
        language = json.loads(_settings().read_text(encoding="utf-8"))["language"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return language if language in LANGUAGES else None

"""The language of the pages: chosen, remembered from one visit to the next, and used by :func:`t`."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import streamlit as st

from core.common.console import system_language
from core.common.json_files import read_json, write_json
from core.common.paths import home, make_private
from core.common.text import LANGUAGES, Language, Text, language_of, say

_CHOSEN = "language"
_CONTROL = "language-control"


def t(text: str | Text, **values: Any) -> str:
    """Text in the reader's language.

    Args:
        text: an English template, or a sentence that came from the core.
        values: what goes into the template.
    """
    return (text if isinstance(text, Text) else say(text, **values)).in_language(current())


def current() -> Language:
    """The language of this visit: what was chosen now or earlier, or else the browser's, or the system's."""
    if _CHOSEN not in st.session_state:
        st.session_state[_CHOSEN] = _remembered() or language_of(st.context.locale or "") or system_language()
    chosen: Language = st.session_state[_CHOSEN]
    return chosen


def choice_key(key: str, first: object) -> str:
    """The key of a choice among words that are translated; what was chosen stays when the language changes.

    Of a select box, Streamlit keeps the words that are shown, and shows them in any language.

    Args:
        key: of the choice.
        first: what is chosen at first.
    """
    keys = {language: f"{key}-{language}" for language in LANGUAGES}
    mine = keys[current()]
    if mine not in st.session_state:
        chosen = (st.session_state[other] for other in keys.values() if other in st.session_state)
        st.session_state[mine] = next(chosen, first)
    return mine


def choose() -> None:
    """Draw the switch between the languages."""
    st.segmented_control(
        "Language / 语言",
        list(LANGUAGES),
        default=current(),
        format_func=LANGUAGES.__getitem__,
        required=True,
        key=_CONTROL,
        on_change=_remember,
        label_visibility="collapsed",
    )


def _remember() -> None:
    chosen = st.session_state[_CONTROL]
    if chosen not in LANGUAGES:
        return
    st.session_state[_CHOSEN] = chosen
    with suppress(OSError):  # on a full disk the choice holds for this visit only
        make_private(home())
        write_json(home() / "settings.json", {"language": chosen})


def _remembered() -> Language | None:
    try:
        settings = read_json(home() / "settings.json")
    except (OSError, ValueError):
        return None
    found = settings.get("language") if isinstance(settings, dict) else None
    return found if found in LANGUAGES else None

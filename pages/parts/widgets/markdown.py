"""Foreign text (file names, classes, error messages) inside Streamlit's markdown."""

from __future__ import annotations

import re

import streamlit as st

from core.common.text import visible

_MEANINGFUL = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$:&])")

# Addresses, emoji, icons and arrows are looked for after escapes are resolved, in each piece of text by itself. So
# these are cut in two where they begin, by a span without any text.
_CUT = ":small[]"
_CUT_AT = re.compile(r"(?<=:)(?=\S)|(?<=www)(?=\.)|(?=@)|(?<=[-<>~])(?=[->=])", re.IGNORECASE)


def plain(text: object) -> str:
    """Escape everything that markdown, its directives, its formulas or Streamlit's additions would interpret."""
    pieces = _CUT_AT.split(visible(" ".join(str(text).split())))
    return _CUT.join(_MEANINGFUL.sub(r"\\\1", piece) for piece in pieces)


def show_text_badge(text: object, *, icon: str, color: str) -> None:
    """Draw foreign text as a badge; ``st.badge`` would escape it once more."""
    st.markdown(f":{color}-badge[{icon} {plain(text)}]", width="content")

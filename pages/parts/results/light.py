"""The verdict on a file as a colour, an icon and a word, which all say the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import streamlit as st

from core.common.text import Text
from core.report.schema import ComparisonEntry, OutcomeEntry
from core.report.wording import STATE_LETTERS, light_word, state, state_word
from pages.parts.widgets.language import t

_Color: TypeAlias = Literal["green", "orange", "red", "gray"]


@dataclass(frozen=True)
class Sign:
    """How a state is shown."""

    word: Text
    color: _Color
    icon: str
    """Of Material, for badges."""

    letter: str
    """In its place where there are only letters."""


_KINDS: Mapping[str, tuple[_Color, str]] = {
    "keeps": ("green", "check_circle"),
    "look": ("orange", "visibility"),
    "failed": ("red", "error"),
    "refused": ("gray", "block"),
}


def sign(result: OutcomeEntry) -> Sign:
    """The sign of one result."""
    found = state(result)
    return Sign(state_word(result), *_KINDS[found], STATE_LETTERS[found])


def show_light(comparison: ComparisonEntry) -> None:
    """Draw the verdict of one comparison."""
    color, icon = _KINDS[comparison.light]
    st.badge(t(light_word(comparison)), icon=f":material/{icon}:", color=color)


def show_badge(result: OutcomeEntry) -> None:
    """Draw it."""
    shown = sign(result)
    st.badge(t(shown.word), icon=f":material/{shown.icon}:", color=shown.color)

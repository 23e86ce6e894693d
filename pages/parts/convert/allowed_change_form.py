"""How much the answers may change: four choices, or an exact share for those who know."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from core.common.text import Text, say
from core.job.allowed_change import CHANGE_TITLES, AllowedChange, change_that_keeps
from pages.parts.convert import draft
from pages.parts.widgets.language import t

_MEANINGS: Mapping[AllowedChange, Text] = {
    "nothing": say("Aims at 99.5% of the original's answers. Files may become larger and slower for it."),
    "hardly": say("Aims at 99% of the original's answers, for files of a quarter to a third of the size."),
    "little": say("Aims at 97% of the original's answers. The files are made faster and run faster."),
    "smallest": say("As small as it gets, made in the least time; you see afterwards what it cost."),
}
"""For most tasks; those whose answers are finer, such as texts, have aims of their own (docs/tasks.md)."""


def ask_allowed_change() -> None:
    """Draw the form; the choice goes into the draft."""
    choices = draft.current()
    left, right = st.columns([3, 1], gap="large", vertical_alignment="bottom")
    with right:
        percentage = st.number_input(
            t("Or exactly (%)"),
            50.0,
            100.0,
            None if choices.keep is None else 100 * choices.keep,
            0.5,
            placeholder="–",
            key="keep",
            help=t(
                "How many of the original's answers must stay, in the terms of the task (agreement): the same classes, "
                "objects, texts. Empty: as chosen on the left."
            ),
        )
    keep = None if percentage is None else percentage / 100
    titles = {name: t(title) for name, title in CHANGE_TITLES.items()}
    with left:
        change = st.radio(
            t("How much may the answers change?"),
            list(titles),
            list(titles).index(choices.change),
            format_func=titles.__getitem__,
            key="change",
            horizontal=True,
            disabled=keep is not None,
        )
    draft.change(change=change, keep=keep)
    aim = say("Aims at {percentage}% of the original's answers.", percentage=f"{percentage or 0:g}")
    st.caption(t(_MEANINGS[change] if keep is None else aim))


def chosen_change() -> tuple[AllowedChange, float | None]:
    """The choice of the draft, and the exact share of the answers that must stay, if there is one."""
    choices = draft.current()
    return (choices.change if choices.keep is None else change_that_keeps(choices.keep)), choices.keep

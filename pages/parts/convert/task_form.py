"""What the model is for: recognised, shown with the reason, and open to change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from core.job.task_name import TaskName
from core.tasks.base import TASK_TITLES
from core.tasks.objects.recognition import without_score
from pages.parts.convert import draft
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain

if TYPE_CHECKING:
    from core.inputs.infer_preprocessing import Proposal

_WITH_SCORE: frozenset[TaskName] = frozenset({"detection", "instance-segmentation", "pose", "keypoints", "scores"})
"""Tasks that leave out what has a low score."""


def ask_task(proposal: Proposal, key: str) -> None:
    """Draw the form; the choices go into the draft.

    Args:
        proposal: with the task that was recognised, or the chosen one.
        key: end of the fields' keys.
    """
    chosen = draft.current().task
    options: list[TaskName | None] = [None, *TASK_TITLES]
    left, right = st.columns([2, 1], gap="large", vertical_alignment="bottom")
    with left:
        st.selectbox(
            t("What the model is for"),
            options,
            index=options.index(chosen),
            format_func=lambda name: _recognised(proposal) if name is None else t(TASK_TITLES[name]),
            key=f"task-{key}",
            on_change=_choose,
            args=(f"task-{key}",),
        )
    if (chosen or proposal.task) in _WITH_SCORE:
        with right:
            _ask_score(key)
    is_score_chosen = draft.current().score is not None
    reason = plain(t(without_score(proposal.task_reason) if is_score_chosen else proposal.task_reason))
    if reason:
        st.caption(reason)


def _recognised(proposal: Proposal) -> str:
    """The proposal is for the chosen task, where there is one: then what would be recognised is not known."""
    if draft.current().task is not None:
        return t("Recognise it")
    return t("Recognise it: {task}", task=t(TASK_TITLES[proposal.task]))


def _choose(key: str) -> None:
    draft.change(task=st.session_state[key])


def _ask_score(key: str) -> None:
    score = st.number_input(
        t("Least score"),
        0.01,
        0.99,
        draft.current().score,
        0.05,
        placeholder=t("as usual"),
        key=f"score-{key}",
        help=t("Objects, points or decisions with a lower score do not count. Empty: as is usual for the task."),
    )
    draft.change(score=score)

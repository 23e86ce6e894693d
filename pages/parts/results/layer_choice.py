"""The layer that was clicked last, in the chart or in the table: it is shown in the graphs."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from core.job.target_id import TargetId


@dataclass(frozen=True)
class ChosenLayer:
    """One layer of one file."""

    target: TargetId
    name: str
    request: int
    """Counts the clicks, so that the same layer can be asked for again."""


def chosen_layer(job_id: str) -> ChosenLayer | None:
    """The one of this visit; None where none was clicked yet."""
    found: ChosenLayer | None = st.session_state.get(_key(job_id))
    return found


def choose_layer(job_id: str, target: TargetId, name: str) -> None:
    """Remember a click."""
    before = chosen_layer(job_id)
    st.session_state[_key(job_id)] = ChosenLayer(target, name, 1 + (0 if before is None else before.request))


def _key(job_id: str) -> str:
    return f"layer-chosen-{job_id}"

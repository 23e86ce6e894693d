"""The layer that was clicked last, in the chart or in the table: it is shown in the graphs."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st


@dataclass(frozen=True)
class ChosenLayer:
    """One layer of one file."""

    file: str
    """Id of the file."""

    name: str
    request: int
    """Counts the clicks, so that the same layer can be asked for again."""


def chosen_layer(job_id: str) -> ChosenLayer | None:
    """The one of this visit; None where none was clicked yet."""
    found: ChosenLayer | None = st.session_state.get(_key(job_id))
    return found


def choose_layer(job_id: str, file: str, name: str) -> None:
    """Remember a click.

    Args:
        job_id: of the job.
        file: as in :class:`core.report.finished_files.FinishedFile`.
        name: of the layer in the source.
    """
    before = chosen_layer(job_id)
    st.session_state[_key(job_id)] = ChosenLayer(file, name, 1 + (0 if before is None else before.request))


def _key(job_id: str) -> str:
    return f"layer-chosen-{job_id}"

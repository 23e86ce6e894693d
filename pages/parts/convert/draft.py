"""What a person has chosen so far on the page Convert, kept in the session while other pages are shown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import streamlit as st

from core.common.paths import home, output_stem
from core.job.allowed_change import DEFAULT_CHANGE, AllowedChange
from core.job.target_id import TargetId
from core.job.task_name import TaskName
from core.preprocessing import Preprocessing
from pages.parts.convert.sample import is_sample
from pages.parts.paths.uploads import is_upload

_KEY = "draft"


@dataclass(frozen=True)
class Draft:
    """The choices for a job that is not started yet."""

    source: Path | None = None
    images: Path | None = None
    test_images: Path | None = None
    preprocessing: Preprocessing | None = None
    """As the person changed it; None: as proposed."""

    task: TaskName | None = None
    """What the model is for; None: as recognised."""

    score: float | None = None
    """Least score of an object, a point or a decision, 0 to 1; None: the task's own."""

    change: AllowedChange = DEFAULT_CHANGE
    """How much the answers may change."""

    keep: float | None = None
    """Share of the answers that must stay, 0 to 1, where the person gave one."""

    dequantize: bool = False
    """Whether a model that is 8 bit already is turned back into 32 bit first."""

    unwanted: tuple[TargetId, ...] = ()
    """Targets that the person unticked; all others are made where they can be."""

    out: Path | None = None
    """Folder for the results; None: that of :func:`default_out`."""


def current() -> Draft:
    """The draft of this session."""
    found = st.session_state.get(_KEY)
    return found if isinstance(found, Draft) else Draft()


def change(**choices: Any) -> Draft:
    """Change the draft; a new model or new examples reset what was chosen for the old ones."""
    draft = replace(current(), **choices)
    if "source" in choices:
        draft = replace(draft, preprocessing=None, task=None, score=None, dequantize=False, unwanted=(), out=None)
    if "images" in choices:
        draft = replace(draft, preprocessing=None)
    st.session_state[_KEY] = draft
    return draft


def forget() -> None:
    """Reset it."""
    st.session_state.pop(_KEY, None)


def default_out(source: Path, stamp: str) -> Path:
    """The folder for the results: beside the model, or in EdgePress's own folder for a model without a place.

    Args:
        source: the model.
        stamp: makes the folder's name unique to one job.
    """
    return (
        home() / "results" / f"{stamp}-{output_stem(source)}"
        if is_upload(source) or is_sample(source)
        else source.parent
    )

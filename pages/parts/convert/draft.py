"""What a person has chosen so far on the Convert page; it outlives a look at another page."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import streamlit as st

from core.common.paths import home
from core.job.target_id import TargetId
from core.preprocessing import Preprocessing
from pages.parts.convert.sample import is_sample
from pages.parts.widgets.uploads import is_upload

_KEY = "draft"


@dataclass(frozen=True)
class Draft:
    """A job in the making."""

    source: Path | None = None
    images: Path | None = None
    test_images: Path | None = None
    preprocessing: Preprocessing | None = None
    """As the person changed it; None while the proposal stands."""

    unwanted: tuple[TargetId, ...] = ()
    """Targets whose tick the person took away; all others are made where they can be."""

    out: Path | None = None
    """None until the person chose a folder: then :func:`usual_out` holds."""


def current() -> Draft:
    """The draft of this session."""
    found = st.session_state.get(_KEY)
    return found if isinstance(found, Draft) else Draft()


def change(**choices: Any) -> Draft:
    """Change the draft; a new model or new pictures make it forget what was chosen for the old ones."""
    draft = replace(current(), **choices)
    if "source" in choices:
        draft = replace(draft, preprocessing=None, unwanted=(), out=None)
    if "images" in choices:
        draft = replace(draft, preprocessing=None)
    st.session_state[_KEY] = draft
    return draft


def forget() -> None:
    """Begin anew."""
    st.session_state.pop(_KEY, None)


def usual_out(source: Path, stamp: str) -> Path:
    """The folder for the results: beside the model, or in EdgePress's own folder for a model without a place.

    Args:
        source: the model.
        stamp: tells the results of one job from those of another.
    """
    return home() / "results" / f"{stamp}-{source.stem}" if is_upload(source) or is_sample(source) else source.parent

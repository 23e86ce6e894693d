"""Step 4 of Convert: which files to make."""

from __future__ import annotations

import streamlit as st

from core.outcome import Verdict
from core.preflight import verdicts
from core.source import Source
from core.target import Target, TargetId
from core.targets import TARGETS
from core.text import Text, say
from pages.parts import draft
from pages.parts.language import t
from pages.parts.markdown import plain

_COLUMNS = 3


def choose_targets(source: Source, *, has_pictures: bool, number: int) -> tuple[TargetId, ...]:
    """Draw the step; what is ticked and can be made.

    Args:
        source: the model.
        has_pictures: whether there are pictures from which ranges can be learned.
        number: of the step.
    """
    unwanted = draft.current().unwanted
    chosen: list[TargetId] = []
    known = {verdict.target: verdict for verdict in verdicts(source)}
    with st.container(border=True, key="step-targets"):
        st.subheader(f":primary[:material/counter_{number}:] {t('Files to make')}", anchor=False)
        st.caption(t("Each file is loaded, run and compared with the original before you get it."))
        for start in range(0, len(TARGETS), _COLUMNS):
            columns = st.columns(_COLUMNS)
            for column, target in zip(columns, TARGETS[start : start + _COLUMNS], strict=True):
                verdict = known[target.id]
                obstacle = _obstacle(target, verdict, source, has_pictures=has_pictures)
                with column:
                    ticked = _card(target, obstacle, notes=verdict.notes, ticked=target.id not in unwanted)
                if obstacle is None:
                    unwanted = _without(unwanted, target.id) if ticked else (*_without(unwanted, target.id), target.id)
                    chosen += [target.id] if ticked else []
    draft.change(unwanted=unwanted)
    return tuple(chosen)


def _without(targets: tuple[TargetId, ...], target_id: TargetId) -> tuple[TargetId, ...]:
    return tuple(other for other in targets if other != target_id)


def _card(target: Target, obstacle: Text | None, *, notes: tuple[Text, ...], ticked: bool) -> bool:
    with st.container(border=True, height="stretch", key=f"target-{target.id}", gap="xsmall"):
        answer = st.checkbox(
            f"**{t(target.title)}**",
            value=ticked and obstacle is None,
            # Another key, because a tick that could not be given must not be remembered as one that was not wanted.
            key=f"make-{target.id}-{obstacle is None}",
            disabled=obstacle is not None,
        )
        st.caption(t(target.sentence))
        for text in notes if obstacle is None else (obstacle,):
            st.caption(f":orange[:material/info: {plain(t(text))}]")
    return answer


def _obstacle(target: Target, verdict: Verdict, source: Source, *, has_pictures: bool) -> Text | None:
    """Why a target cannot be made, or None."""
    if target.needs_images and not source.takes_image:
        return say("This model takes no pictures to learn from.")
    if target.needs_images and not has_pictures:
        return say("Choose example pictures in step 2 first.")
    return verdict.reason

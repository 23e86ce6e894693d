"""Step 4 of Convert: which files to make."""

from __future__ import annotations

import streamlit as st

from core.estimate import USUAL_PICTURES, memory_words, time_words
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


def choose_targets(source: Source, *, pictures: int, size: tuple[int, int] | None, number: int) -> tuple[TargetId, ...]:
    """Draw the step; what is ticked and can be made.

    Args:
        source: the model.
        pictures: how many there are from which ranges can be learned.
        size: height and width that they are brought to.
        number: of the step.
    """
    unwanted = draft.current().unwanted
    chosen: list[TargetId] = []
    known = {verdict.target: verdict for verdict in verdicts(source, pictures=pictures or USUAL_PICTURES, size=size)}
    with st.container(border=True, key="step-targets"):
        st.subheader(f":primary[:material/counter_{number}:] {t('Files to make')}", anchor=False)
        st.caption(t("Each file is loaded, run and compared with the original before you get it."))
        for start in range(0, len(TARGETS), _COLUMNS):
            columns = st.columns(_COLUMNS)
            for column, target in zip(columns, TARGETS[start : start + _COLUMNS], strict=True):
                verdict = known[target.id]
                obstacle = _obstacle(target, verdict, source, has_pictures=pictures > 0)
                with column:
                    ticked = _card(target, obstacle, verdict, ticked=target.id not in unwanted)
                if obstacle is None:
                    unwanted = _without(unwanted, target.id) if ticked else (*_without(unwanted, target.id), target.id)
                    chosen += [target.id] if ticked else []
    draft.change(unwanted=unwanted)
    return tuple(chosen)


def _without(targets: tuple[TargetId, ...], target_id: TargetId) -> tuple[TargetId, ...]:
    return tuple(other for other in targets if other != target_id)


def _card(target: Target, obstacle: Text | None, verdict: Verdict, *, ticked: bool) -> bool:
    with st.container(border=True, height="stretch", key=f"target-{target.id}", gap="xsmall"):
        answer = st.checkbox(
            f"**{t(target.title)}**",
            value=ticked and obstacle is None,
            # Another key, because a tick that could not be given must not be remembered as one that was not wanted.
            key=f"make-{target.id}-{obstacle is None}",
            disabled=obstacle is not None,
        )
        st.caption(t(target.sentence))
        if obstacle is None:
            _show_effort(verdict)
        for text in verdict.notes if obstacle is None else (obstacle,):
            st.caption(f":orange[:material/info: {plain(t(text))}]")
    return answer


def _show_effort(verdict: Verdict) -> None:
    """What the file will be like and what it will take, as far as the model alone tells."""
    if verdict.size_bytes is None or verdict.seconds is None or verdict.memory_bytes is None:
        return
    size = t("About {size} MB", size=f"{verdict.size_bytes / 1e6:.1f}")
    duration = t(time_words(verdict.seconds))
    memory = t("{size} of memory", size=t(memory_words(verdict.memory_bytes)))
    st.caption(f":material/straighten: {size}  \n:material/timer: {duration}  \n:material/memory: {memory}")


def _obstacle(target: Target, verdict: Verdict, source: Source, *, has_pictures: bool) -> Text | None:
    """Why a target cannot be made, or None."""
    if target.needs_images and not source.takes_image:
        return say("This model takes no pictures to learn from.")
    if target.needs_images and not has_pictures:
        return say("Choose example pictures in step 2 first.")
    return verdict.reason

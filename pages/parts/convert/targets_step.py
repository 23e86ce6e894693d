"""Step 4 of Convert: which files to make."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.common import number_format
from core.common.errors import EdgePressError
from core.common.memory import memory_text
from core.common.text import Text
from core.inputs.images import SampleCounts
from core.job.preflight_result import PreflightResult
from core.onnx_model.source import Source
from core.preflight.estimate import duration_text
from core.preflight.in_helper import check_targets_in_helper
from core.targets import target_by_id
from pages.parts.convert import draft
from pages.parts.convert.allowed_change_form import ask_allowed_change
from pages.parts.widgets.error_message import show_error
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain
from pages.parts.widgets.step import show_note, step_heading

_COLUMNS = 3


def choose_targets(
    source: Source, *, samples: SampleCounts, size: tuple[int, int] | None, number: int
) -> tuple[PreflightResult, ...]:
    """Draw the step; the pre-flight results of the targets that are ticked and can be made.

    Args:
        source: the model.
        samples: how many samples there are.
        size: height and width that images are brought to.
        number: of the step.
    """
    unwanted = draft.current().unwanted
    chosen: list[PreflightResult] = []
    try:
        results = check_targets_in_helper(source, samples=samples, size=size)
    except EdgePressError as exc:
        show_error(exc)
        return ()
    with st.container(border=True, key="step-targets"):
        step_heading(number, t("Files to make"))
        st.caption(t("Each file is loaded, run and compared with the original before you get it."))
        ask_allowed_change()
        common = _common_notes(results)
        for note in common:
            show_note(plain(t(note)))
        for start in range(0, len(results), _COLUMNS):
            columns = st.columns(_COLUMNS)
            for column, result in zip(columns, results[start : start + _COLUMNS], strict=False):
                with column:
                    ticked = _card(result, hidden_notes=common, ticked=result.target not in unwanted)
                if result.reason is None:
                    others = tuple(other for other in unwanted if other != result.target)
                    unwanted = others if ticked else (*others, result.target)
                    chosen += [result] if ticked else []
    draft.change(unwanted=unwanted)
    return tuple(chosen)


def _common_notes(results: Sequence[PreflightResult]) -> tuple[Text, ...]:
    """Notes of all targets that can be made; they are shown once, not in every card."""
    possible = [result.notes for result in results if result.reason is None]
    return tuple(note for note in possible[0] if all(note in notes for notes in possible)) if len(possible) > 1 else ()


def _card(result: PreflightResult, *, hidden_notes: tuple[Text, ...], ticked: bool) -> bool:
    target, is_possible = target_by_id(result.target), result.reason is None
    with st.container(border=True, height="stretch", key=f"target-{target.id}", gap="xsmall"):
        is_ticked = st.checkbox(
            f"**{t(target.title)}**",
            value=ticked and is_possible,
            # The key depends on it: a target that was disabled must not be remembered as unticked by the person.
            key=f"make-{target.id}-{is_possible}",
            disabled=not is_possible,
        )
        st.caption(t(target.sentence))
        if result.reason is None:
            _show_effort(result)
            for note in result.notes:
                if note not in hidden_notes:
                    show_note(plain(t(note)))
        else:
            _show_refusal(result.reason, result.next_step)
    return is_ticked


def _show_refusal(reason: Text, next_step: Text | None) -> None:
    lines = [f":orange[:material/block: {plain(t(reason))}]"]
    if next_step is not None:
        lines.append(plain(t(next_step)))
    st.caption("  \n".join(lines))


def _show_effort(result: PreflightResult) -> None:
    """Estimates of the file's size, and of the time and memory that making it takes."""
    if result.size_bytes is None or result.seconds is None or result.memory_bytes is None:
        return
    size = t("About {size}", size=number_format.size(result.size_bytes))
    duration = t(duration_text(result.seconds))
    memory = t("{size} of memory", size=t(memory_text(result.memory_bytes)))
    st.caption(f":material/straighten: {size}  \n:material/timer: {duration}  \n:material/memory: {memory}")

"""Step 4 of Convert: which files to make."""

from __future__ import annotations

import streamlit as st

from core.inputs.images import SampleCounts
from core.job.preflight_result import PreflightResult
from core.onnx_model.source import Source
from core.preflight.estimate import duration_text, memory_text
from core.preflight.preflight import check_targets
from core.targets import target_by_id
from pages.parts.convert import draft
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain

_COLUMNS = 3


def choose_targets(
    source: Source, *, samples: SampleCounts, size: tuple[int, int] | None, number: int
) -> tuple[PreflightResult, ...]:
    """Draw the step; what is known of the targets that are ticked and can be made.

    Args:
        source: the model.
        samples: how many examples there are.
        size: height and width that images are brought to.
        number: of the step.
    """
    unwanted = draft.current().unwanted
    chosen: list[PreflightResult] = []
    results = check_targets(source, samples=samples, size=size)
    with st.container(border=True, key="step-targets"):
        st.subheader(f":primary[:material/counter_{number}:] {t('Files to make')}", anchor=False)
        st.caption(t("Each file is loaded, run and compared with the original before you get it."))
        for start in range(0, len(results), _COLUMNS):
            columns = st.columns(_COLUMNS)
            for column, result in zip(columns, results[start : start + _COLUMNS], strict=False):
                with column:
                    ticked = _card(result, ticked=result.target not in unwanted)
                if result.reason is None:
                    others = tuple(other for other in unwanted if other != result.target)
                    unwanted = others if ticked else (*others, result.target)
                    chosen += [result] if ticked else []
    draft.change(unwanted=unwanted)
    return tuple(chosen)


def _card(result: PreflightResult, *, ticked: bool) -> bool:
    target, is_possible = target_by_id(result.target), result.reason is None
    with st.container(border=True, height="stretch", key=f"target-{target.id}", gap="xsmall"):
        answer = st.checkbox(
            f"**{t(target.title)}**",
            value=ticked and is_possible,
            # Another key, because a tick that could not be given must not be remembered as one that was not wanted.
            key=f"make-{target.id}-{is_possible}",
            disabled=not is_possible,
        )
        st.caption(t(target.sentence))
        if is_possible:
            _show_effort(result)
        for text in (*result.notes, result.reason, result.next_step):
            if text is not None:
                st.caption(f":orange[:material/info: {plain(t(text))}]")
    return answer


def _show_effort(result: PreflightResult) -> None:
    """What the file will be like and what it will take, as far as the model alone tells."""
    if result.size_bytes is None or result.seconds is None or result.memory_bytes is None:
        return
    size = t("About {size} MB", size=f"{result.size_bytes / 1e6:.1f}")
    duration = t(duration_text(result.seconds))
    memory = t("{size} of memory", size=t(memory_text(result.memory_bytes)))
    st.caption(f":material/straighten: {size}  \n:material/timer: {duration}  \n:material/memory: {memory}")

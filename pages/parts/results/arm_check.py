"""The check of a job's files on an emulated ARM processor: its button, its progress, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from core.arm.comparison import SAMPLES
from core.common.errors import Cancelled
from core.common.text import Text, say
from core.queue.supervisor import get_supervisor
from core.report.wording import is_tried_on_arm
from core.setup import arm
from pages.parts.results.arm_card import offer_arm_emulator
from pages.parts.results.arm_tasks import ARM_CHECK
from pages.parts.widgets.error_message import show_error
from pages.parts.widgets.job_choice import Done
from pages.parts.widgets.language import choice_key, t
from pages.parts.widgets.progress import watch_task

_DEVICES: Mapping[str, Text] = {
    "cortex-a76": say("Cortex-A76 (Raspberry Pi 5, newer phones)"),
    "cortex-a72": say("Cortex-A72 (Raspberry Pi 4, older phones)"),
}


def show_arm_check(done: Done) -> None:
    """Draw it, closed unless it is at work; nothing for a job without files."""
    if not done.report.converted:
        return
    folder = get_supervisor().store.folder(done.id)
    is_own = ARM_CHECK.status.arguments[:1] == (folder,)
    is_running = ARM_CHECK.status.is_running
    with st.expander(t("Check on an emulated ARM processor"), icon=":material/memory:", expanded=is_running and is_own):
        if is_running and is_own:
            watch_task(ARM_CHECK, cancel_key="arm-check-cancel")
        elif is_running:
            st.info(t("Another conversion is being checked; one is checked at a time."), icon=":material/info:")
        elif offer_arm_emulator():
            if is_own:
                _show_last_error()
            _offer(folder, is_again=is_tried_on_arm(done.report))


def _show_last_error() -> None:
    error = ARM_CHECK.status.error
    if isinstance(error, Cancelled):
        st.info(t("It was cancelled; the results are as they were."), icon=":material/info:")
    elif error is not None:
        show_error(error)


def _offer(folder: Path, *, is_again: bool) -> None:
    st.markdown(
        t(
            "Every file runs there on {count} of the test pictures at most and is compared with the original on this "
            "computer. That tells whether it is right on ARM, not how fast. It takes some minutes.",
            count=SAMPLES,
        )
    )
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        processor = st.selectbox(
            t("Processor"),
            arm.PROCESSORS,
            format_func=lambda name: t(_DEVICES[name]),
            key=choice_key("arm-processor", arm.PROCESSORS[0]),
            width=360,
        )
        label = t("Check again") if is_again else t("Check")
        if st.button(label, icon=":material/play_arrow:", key="arm-check"):
            ARM_CHECK.start(folder, processor)
            st.rerun()

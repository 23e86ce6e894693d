"""The result of one target: its figures, and its files or why there are none."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.common.text import Text
from core.report.schema import OutcomeEntry, Report
from core.targets import target_by_id
from pages.parts.results import explanations
from pages.parts.widgets import number_format
from pages.parts.widgets.error_message import show_detail
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain
from pages.parts.widgets.served_files import DOWNLOADS


def show_card(result: OutcomeEntry, report: Report) -> None:
    """Draw a card; all cards of a row have the same height."""
    with st.container(border=True, height="stretch", key=f"result-{result.target}"):
        _show_heading(result)
        if result.status == "converted":
            _show_figures(result, report)
            _show_notes(result)
            st.space("stretch")  # the buttons are at the bottom of every card
            _offer_files(result.files)
        else:
            _show_reason(result)
        show_detail(_technical(result))


def _show_heading(result: OutcomeEntry) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"**{t(target_by_id(result.target).title)}**", width="content")
        if result.status == "converted":
            st.badge(t("ready"), icon=":material/check_circle:", color="green")
        elif result.status == "refused":
            st.badge(t("not possible"), icon=":material/block:", color="gray")
        else:
            st.badge(t("failed"), icon=":material/error:", color="red")
    st.caption(t(target_by_id(result.target).sentence))


def _show_figures(result: OutcomeEntry, report: Report) -> None:
    left, right = st.columns(2)
    share = t("{part} of the original", part=number_format.part(result.size_share(report.source)))
    _figure(left, t("Size"), number_format.size(result.size_bytes), share, explanations.SHARE_HELP)
    latency = None if result.comparison is None else result.comparison.latency_ms
    time = None if latency is None else latency.median_one_thread
    speed = number_format.times(result.speed_up(report.source))
    _figure(
        right,
        t("Speed"),
        speed,
        t("{time} a run", time=number_format.milliseconds(time)),
        explanations.SPEED_HELP,
    )
    sentences = (
        explanations.agreement(result),
        explanations.accuracy(result, report.source),
        explanations.speed(result, report.source),
    )
    st.markdown("\n".join(f"- {plain(t(sentence))}" for sentence in sentences if sentence is not None))


def _figure(place: DeltaGenerator, name: str, value: str, about: str, explanation: Text) -> None:
    """One figure; unlike ``st.metric`` it never truncates its texts in a narrow card."""
    with place.container(gap=None):
        st.caption(name, help=t(explanation))
        st.markdown(f"#### {value}")
        st.caption(about)


def _show_notes(result: OutcomeEntry) -> None:
    if result.words.notes:
        st.markdown("\n".join(f"- :small[{plain(t(note))}]" for note in result.words.notes))


def _show_reason(result: OutcomeEntry) -> None:
    for text in (result.words.reason, result.words.next_step):
        if text is not None:
            st.markdown(plain(t(text)))


def _offer_files(files: tuple[Path, ...]) -> None:
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        for file in files:
            is_there = file.is_file()
            st.link_button(
                plain(file.name),
                DOWNLOADS.url([file], file.name) if is_there else "#",
                icon=":material/download:",
                disabled=not is_there,
                help=None if is_there else t("This file is no longer where it was written: {file}", file=plain(file)),
            )


def _technical(result: OutcomeEntry) -> str:
    """The figures under their technical names, which are not translated."""
    lines = [result.detail] if result.detail else []
    comparison = result.comparison
    if comparison is not None:
        lines += [str(file) for file in result.files]
        lines += [f"cosine: {comparison.cosine}", f"SQNR: {number_format.decibels(comparison.sqnr_db)}"]
        shares = (("top-1", comparison.top1), ("top-5", comparison.top5))
        lines += [f"{name}: {value:.4f}" for name, value in shares if value is not None]
        if comparison.latency_ms is not None:
            latency = comparison.latency_ms
            lines.append(f"1 thread: {number_format.milliseconds(latency.median_one_thread)}")
            lines.append(f"{latency.threads} threads: {number_format.milliseconds(latency.median_all_threads)}")
        lines.append(f"conversion: {result.seconds:.1f} s")
    return "\n".join(lines)

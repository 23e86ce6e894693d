"""One target's result: what it came to, in words, and its files."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.targets import target_by_id
from core.text import Text
from pages.parts import figures, result_words
from pages.parts.language import t
from pages.parts.markdown import plain
from pages.parts.problems import show_detail
from pages.parts.report_view import ReportView, Result
from pages.parts.views import DOWNLOADS


def show_card(result: Result, report: ReportView) -> None:
    """Draw a card; all cards of a row are equally high."""
    with st.container(border=True, height="stretch", key=f"result-{result.target}"):
        _show_heading(result)
        if result.status == "converted":
            _show_figures(result, report)
            _show_notes(result)
            st.space("stretch")  # what can be clicked stands at the bottom of every card
            _offer_files(result.files)
        else:
            _show_obstacle(result)
        show_detail(_technical(result))


def _show_heading(result: Result) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"**{t(result.title)}**", width="content")
        if result.status == "converted":
            st.badge(t("ready"), icon=":material/check_circle:", color="green")
        elif result.status == "refused":
            st.badge(t("not possible"), icon=":material/block:", color="gray")
        else:
            st.badge(t("failed"), icon=":material/error:", color="red")
    st.caption(t(target_by_id(result.target).sentence))


def _show_figures(result: Result, report: ReportView) -> None:
    left, right = st.columns(2)
    share = t("{part} of the original", part=figures.part(result.share(report.original)))
    _figure(left, t("Size"), figures.size(result.size_bytes), share, result_words.SHARE_HELP)
    time = None if result.speed is None else result.speed.one_thread
    speed = figures.times(result.speed_up(report.original))
    _figure(right, t("Speed"), speed, t("{time} a run", time=figures.milliseconds(time)), result_words.SPEED_HELP)
    sentences = (
        result_words.answers(result),
        result_words.right_answers(result, report.original),
        result_words.speed(result, report.original),
    )
    st.markdown("\n".join(f"- {plain(t(sentence))}" for sentence in sentences if sentence is not None))


def _figure(place: DeltaGenerator, name: str, value: str, about: str, explanation: Text) -> None:
    """One number; unlike a metric it never cuts its words off in a narrow card."""
    with place.container(gap=None):
        st.caption(name, help=t(explanation))
        st.markdown(f"#### {value}")
        st.caption(about)


def _show_notes(result: Result) -> None:
    if result.notes:
        st.markdown("\n".join(f"- :small[{plain(t(note))}]" for note in result.notes))


def _show_obstacle(result: Result) -> None:
    texts: tuple[Text | None, ...] = (result.reason, result.next_step)
    for text in texts:
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


def _technical(result: Result) -> str:
    """The figures under their technical names, which are not translated."""
    lines = [result.detail] if result.detail else []
    if result.status == "converted":
        lines += [str(file) for file in result.files]
        lines += [f"cosine: {result.cosine}", f"SQNR: {figures.decibels(result.sqnr_db)}"]
        lines += [f"{name}: {value:.4f}" for name, value in (("top-1", result.top1), ("top-5", result.top5)) if value]
        if result.speed is not None:
            lines.append(f"1 thread: {figures.milliseconds(result.speed.one_thread)}")
            lines.append(f"{result.speed.threads} threads: {figures.milliseconds(result.speed.all_threads)}")
        lines.append(f"conversion: {result.seconds:.1f} s")
    return "\n".join(lines)

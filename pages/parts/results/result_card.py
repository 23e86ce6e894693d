"""The result of one target: its figures, and its files or why there are none."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.common import number_format
from core.common.paths import is_file
from core.common.percent import percent
from core.common.text import Text
from core.report import explanations
from core.report.schema import ComparisonEntry, OutcomeEntry, Report
from core.report.wording import (
    AGREEMENT_HELP,
    AGREEMENT_TITLES,
    SIMILARITY_HELP,
    SIMILARITY_TITLE,
    agreement_metric,
)
from core.targets import target_by_id
from pages.parts.results.kit import offer_kit
from pages.parts.results.light import show_badge
from pages.parts.widgets.error_message import show_detail
from pages.parts.widgets.job_choice import Done
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain
from pages.parts.widgets.served_files import DOWNLOADS


def show_card(result: OutcomeEntry, done: Done) -> None:
    """Draw a card; all cards of a row have the same height."""
    with st.container(border=True, height="stretch", key=f"result-{result.target}"):
        _show_heading(result)
        if result.status == "converted":
            _show_figures(result, done.report)
            _show_notes(result)
            st.space("stretch")  # the buttons are at the bottom of every card
            _offer_files(result.files)
            offer_kit(done, result)
        else:
            _show_reason(result)
        show_detail(_technical(result))


def _show_heading(result: OutcomeEntry) -> None:
    target = target_by_id(result.target)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"**{t(target.title)}**", width="content")
        show_badge(result)
    st.caption(t(target.sentence))


def _show_figures(result: OutcomeEntry, report: Report) -> None:
    comparison = result.comparison
    if comparison is not None and comparison.words.template:
        st.markdown(plain(t(comparison.words)))
    _show_kept(result, report)
    size, speed = st.columns(2)
    share = t("{part} of the original", part=number_format.part(result.size_share(report.source)))
    _figure(size, t("Size"), number_format.size(result.size_bytes), share, explanations.SHARE_HELP)
    latency = None if comparison is None else comparison.latency_ms
    time = t("{time} a run", time=number_format.milliseconds(None if latency is None else latency.median_one_thread))
    times = number_format.times(result.speed_up(report.source))
    _figure(speed, t("Speed"), times, time, explanations.SPEED_HELP)
    sentences = (
        *explanations.truths(result, report.source),
        explanations.speed(result, report.source),
        explanations.reach(result, report.source),
        explanations.on_arm(result),
    )
    st.markdown("\n".join(f"- {plain(t(sentence))}" for sentence in sentences if sentence is not None))


def _show_kept(result: OutcomeEntry, report: Report) -> None:
    """How far it keeps the original's answers; where nothing was decoded, how similar its numbers are."""
    comparison = result.comparison
    agreement = None if comparison is None else comparison.agreement
    if agreement is not None:
        title, explanation = AGREEMENT_TITLES[agreement.metric], AGREEMENT_HELP[agreement.metric]
        about = t(explanations.counted(agreement, report))
        _figure(st.container(), t(title), percent(agreement.value), about, explanation)
    elif agreement_metric(report) is None:
        value = number_format.similarity(None if comparison is None else comparison.cosine)
        _figure(st.container(), t(SIMILARITY_TITLE), value, t("not accuracy"), SIMILARITY_HELP)


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
            is_there = is_file(file)
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
        lines += _agreement_lines(comparison)
        lines += [f"{figure.metric}: {figure.value:.4f} ({figure.samples})" for figure in comparison.truth]
        lines += [f"cosine: {comparison.cosine}", f"SQNR: {number_format.decibels(comparison.sqnr_db)}"]
        if comparison.latency_ms is not None:
            latency = comparison.latency_ms
            lines.append(f"1 thread: {number_format.milliseconds(latency.median_one_thread)}")
            lines.append(f"{latency.threads} threads: {number_format.milliseconds(latency.median_all_threads)}")
        if result.arm is not None:
            lines.append(f"{result.arm.processor}: {result.arm.status} ({result.arm.images})")
            lines.append(result.arm.detail)
        lines.append(f"conversion: {result.seconds:.1f} s")
    return "\n".join(lines)


def _agreement_lines(comparison: ComparisonEntry) -> list[str]:
    agreement = comparison.agreement
    if agreement is None:
        return []
    interval = f"[{agreement.low:.4f}, {agreement.high:.4f}]"
    details = [f"{name}: {value:.4f}" for name, value in agreement.details.items()]
    return [f"{agreement.metric}: {agreement.value:.4f} {interval}", *details]

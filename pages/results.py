"""Results: what was made, what it gained and what it cost."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.errors import EdgePressError
from core.queue.supervisor import get_supervisor
from pages.parts import figures
from pages.parts.folder_opener import can_open, open_folder
from pages.parts.gallery import show_gallery
from pages.parts.job_choice import Done, choose_job
from pages.parts.language import t
from pages.parts.markdown import plain
from pages.parts.problems import show_problem
from pages.parts.report_view import ReportView
from pages.parts.result_card import show_card
from pages.parts.result_chart import show_chart
from pages.parts.result_table import show_table
from pages.parts.views import DOWNLOADS

_CARDS = 3


def _page() -> None:
    st.title(t("Results"), anchor=False)
    try:
        done = choose_job()
    except EdgePressError as exc:
        show_problem(exc)
        return
    if done is None:
        return
    _show_headline(done.report)
    _offer_everything(done)
    _show_notes(done.report)
    st.subheader(t("At a glance"), anchor=False)
    show_table(done.report)
    st.subheader(t("Size and accuracy"), anchor=False)
    show_chart(done.report)
    st.subheader(t("The files"), anchor=False)
    _show_cards(done.report)
    _show_pictures(done)


def _show_headline(report: ReportView) -> None:
    original = report.original
    made = [result for result in report.converted if result.size_bytes is not None]
    columns = st.columns(4)
    columns[0].metric(
        t("Files made"),
        t("{made} of {all}", made=len(report.converted), all=len(report.results)),
        t("from {size}", size=figures.size(original.size_bytes)),
        delta_color="off",
        delta_arrow="off",
        border=True,
        height="stretch",
    )
    if made:
        smallest = min(made, key=lambda result: result.size_bytes or 0)
        _headline(columns[1], t("Smallest"), figures.part(smallest.share(original)), t(smallest.title))
        fastest = max(made, key=lambda result: result.speed_up(original) or 0.0)
        _headline(columns[2], t("Fastest here"), figures.times(fastest.speed_up(original)), t(fastest.title))
    compared = t("test pictures") if report.test_images else t("random inputs instead of pictures")
    _headline(columns[3], t("Compared on"), str(report.test_images or figures.NOTHING), compared)


def _headline(column: DeltaGenerator, label: str, value: str, about: str) -> None:
    column.metric(label, value, about, delta_color="off", delta_arrow="off", border=True, height="stretch")


def _offer_everything(done: Done) -> None:
    files = [file for result in done.report.converted for file in result.files if file.is_file()]
    with st.container(horizontal=True, gap="small"):
        if files:
            name = f"{done.job.source.stem}-edgepress.zip"
            label = t("Download all ({size})", size=figures.size(sum(file.stat().st_size for file in files)))
            st.link_button(label, DOWNLOADS.url(files, name), icon=":material/folder_zip:", type="primary")
        if can_open() and done.job.out.is_dir():
            st.button(
                t("Open the folder"),
                icon=":material/folder_open:",
                key="open-folder",
                on_click=open_folder,
                args=(done.job.out,),
            )
        if done.report.converted and st.button(t("Compare the graphs"), icon=":material/account_tree:", key="go-graph"):
            st.switch_page("pages/graph.py", query_params={"job": done.id})


def _show_notes(report: ReportView) -> None:
    for note in report.notes:
        st.caption(f":material/info: {plain(t(note))}")
    if report.skipped:
        with st.expander(t("Pictures that were left out"), icon=":material/broken_image:"):
            st.code("\n".join(f"{Path(file).name}: {why}" for file, why in report.skipped), language=None)


def _show_cards(report: ReportView) -> None:
    for start in range(0, len(report.results), _CARDS):
        columns = st.columns(_CARDS)
        for column, result in zip(columns, report.results[start : start + _CARDS], strict=False):
            with column:
                show_card(result, report)


def _show_pictures(done: Done) -> None:
    store = get_supervisor().store
    entries = store.gallery(done.id)
    targets = tuple(result.target for result in done.report.converted)
    if not entries or not targets:
        return
    st.subheader(t("Picture by picture"), anchor=False)
    show_gallery(store.folder(done.id) / "gallery", entries, targets)


_page()

"""Results: the files that were made, their figures and their predictions."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core.common import number_format
from core.common.errors import EdgePressError
from core.common.paths import is_file, is_folder, output_stem
from core.queue.supervisor import get_supervisor
from core.report.schema import Report
from core.report.size_chart import chart_title
from pages.parts.paths.folder_opener import can_open, open_folder
from pages.parts.results.arm_check import show_arm_check
from pages.parts.results.gallery import show_gallery
from pages.parts.results.headline import show_headline
from pages.parts.results.layer_view import show_layers
from pages.parts.results.report_download import offer_report, show_made_report
from pages.parts.results.result_card import show_card
from pages.parts.results.result_chart import show_chart
from pages.parts.results.result_table import show_table
from pages.parts.results.try_yourself import show_try_yourself
from pages.parts.results.variants import show_variants
from pages.parts.widgets.error_message import show_error
from pages.parts.widgets.job_choice import Done, choose_job
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain
from pages.parts.widgets.served_files import DOWNLOADS

_CARDS = 3


def _page() -> None:
    st.title(t("Results"), anchor=False)
    try:
        done = choose_job()
    except EdgePressError as exc:
        show_error(exc)
        return
    if done is None:
        return
    folder = get_supervisor().store.folder(done.id)
    show_headline(done)
    st.subheader(t("At a glance"), anchor=False)
    show_table(done.report)
    _offer_everything(done)
    _show_notes(done.report)
    st.subheader(t(chart_title(done.report)), anchor=False)
    show_chart(done.report)
    st.subheader(t("The files"), anchor=False)
    _show_cards(done)
    show_gallery(folder, done.report)
    show_try_yourself(done, folder)
    show_variants(done)
    show_layers(done.id, done.report)
    show_arm_check(done)


def _offer_everything(done: Done) -> None:
    files = [file for result in done.report.converted for file in result.files if is_file(file)]
    with st.container(horizontal=True, gap="small"):
        if files:
            name = f"{output_stem(done.job.source)}-edgepress.zip"
            label = t("Download all ({size})", size=number_format.size(sum(file.stat().st_size for file in files)))
            st.link_button(label, DOWNLOADS.url(files, name), icon=":material/folder_zip:")
        if can_open() and is_folder(done.job.out):
            st.button(
                t("Open the folder"),
                icon=":material/folder_open:",
                key="open-folder",
                on_click=open_folder,
                args=(done.job.out,),
            )
        if done.report.converted and st.button(t("Compare the graphs"), icon=":material/account_tree:", key="go-graph"):
            st.switch_page("pages/graph.py", query_params={"job": done.id})
        offer_report(done)
    show_made_report(done)


def _show_notes(report: Report) -> None:
    for note in report.words.notes:
        st.caption(f":material/info: {plain(t(note))}")
    if report.images.skipped:
        with st.expander(t("Files that were left out"), icon=":material/broken_image:"):
            st.code(
                "\n".join(f"{Path(skipped.file).name}: {skipped.why}" for skipped in report.images.skipped),
                language=None,
            )


def _show_cards(done: Done) -> None:
    outcomes = done.report.outcomes
    for start in range(0, len(outcomes), _CARDS):
        columns = st.columns(_CARDS)
        for column, result in zip(columns, outcomes[start : start + _CARDS], strict=False):
            with column:
                show_card(result, done)


_page()

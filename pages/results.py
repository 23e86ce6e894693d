"""Results: the files that were made, their figures and their predictions."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.common.errors import EdgePressError
from core.common.text import plural
from core.queue.supervisor import get_supervisor
from core.report.schema import Report
from core.targets import target_by_id
from core.tasks.base import TASK_TITLES
from pages.parts.paths.folder_opener import can_open, open_folder
from pages.parts.results.gallery import show_gallery
from pages.parts.results.gallery_entry import read_entries
from pages.parts.results.layer_chart import show_layers
from pages.parts.results.result_card import show_card
from pages.parts.results.result_chart import show_chart
from pages.parts.results.result_table import show_table
from pages.parts.widgets import number_format
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
    _show_task(done.report)
    _show_headline(done)
    _offer_everything(done)
    _show_notes(done.report)
    st.subheader(t("At a glance"), anchor=False)
    show_table(done.report)
    st.subheader(t("Size and accuracy"), anchor=False)
    show_chart(done.report)
    show_layers(done.report)
    st.subheader(t("The files"), anchor=False)
    _show_cards(done.report)
    _show_pictures(done)


def _show_task(report: Report) -> None:
    """What the model was taken for and why, and what its files were measured against."""
    task = report.task
    reason = plain(t(task.words))
    st.markdown(f"{t('Taken for:')} **{plain(t(TASK_TITLES[task.name]))}**. {reason}".strip())
    labels = t("no labels found: files are compared with the original") if task.labels is None else plain(task.labels)
    samples = plural("{count} test picture", "{count} test pictures", count=report.images.test)
    if report.images.test and report.outcomes:
        st.caption(f":material/photo_library: {t(samples)} &ensp; :material/label: {labels}")


def _show_headline(done: Done) -> None:
    report, source = done.report, done.report.source
    made = [result for result in report.converted if result.size_bytes is not None]
    columns = st.columns(4)
    _headline(
        columns[0],
        t("Files made"),
        t("{made} of {all}", made=len(report.converted), all=len(report.outcomes)),
        _kept(done),
    )
    if made:
        smallest = min(made, key=lambda result: result.size_bytes or 0)
        _headline(
            columns[1],
            t("Smallest"),
            number_format.part(smallest.size_share(source)),
            t(target_by_id(smallest.target).title),
        )
        fastest = max(made, key=lambda result: result.speed_up(source) or 0.0)
        _headline(
            columns[2],
            t("Fastest here"),
            number_format.times(fastest.speed_up(source)),
            t(target_by_id(fastest.target).title),
        )
    _headline(columns[3], t("Compared on"), str(report.images.test or number_format.NOTHING), _test_samples(done))


def _kept(done: Done) -> str:
    """How many files keep the original's answers; of reports without verdicts, the size of the original."""
    comparisons = [result.comparison for result in done.report.converted if result.comparison is not None]
    if not any(comparison.words.template for comparison in comparisons):
        return t("from {size}", size=number_format.size(done.report.source.size_bytes))
    keep = sum(comparison.light == "keeps" for comparison in comparisons)
    if any(comparison.agreement is not None for comparison in comparisons):
        return t(plural("{count} keeps the answers", "{count} keep the answers", count=keep))
    return t(plural("{count} keeps the numbers", "{count} keep the numbers", count=keep))


def _test_samples(done: Done) -> str:
    """What the files were compared on."""
    count = done.report.images.test
    takes_image = done.job.model is None or done.job.model.takes_image
    if not count:
        return t("random inputs instead of pictures") if takes_image else t("random inputs")
    if takes_image:
        return t(plural("test picture", "test pictures", count=count))
    return t(plural("test example", "test examples", count=count))


def _headline(column: DeltaGenerator, label: str, value: str, about: str) -> None:
    column.metric(label, value, about, delta_color="off", delta_arrow="off", border=True, height="stretch")


def _offer_everything(done: Done) -> None:
    files = [file for result in done.report.converted for file in result.files if file.is_file()]
    with st.container(horizontal=True, gap="small"):
        if files:
            name = f"{done.job.source.stem}-edgepress.zip"
            label = t("Download all ({size})", size=number_format.size(sum(file.stat().st_size for file in files)))
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


def _show_notes(report: Report) -> None:
    for note in report.words.notes:
        st.caption(f":material/info: {plain(t(note))}")
    if report.images.skipped:
        with st.expander(t("Files that were left out"), icon=":material/broken_image:"):
            st.code(
                "\n".join(f"{Path(skipped.file).name}: {skipped.why}" for skipped in report.images.skipped),
                language=None,
            )


def _show_cards(report: Report) -> None:
    for start in range(0, len(report.outcomes), _CARDS):
        columns = st.columns(_CARDS)
        for column, result in zip(columns, report.outcomes[start : start + _CARDS], strict=False):
            with column:
                show_card(result, report)


def _show_pictures(done: Done) -> None:
    store = get_supervisor().store
    entries = read_entries(store.gallery(done.id))
    if not entries or not done.report.converted:
        return
    st.subheader(t("Picture by picture"), anchor=False)
    show_gallery(store.folder(done.id) / "gallery", entries, done.report)


_page()

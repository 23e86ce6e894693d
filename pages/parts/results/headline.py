"""What the model was taken for, what its files were compared on, and the most important figures."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.common.text import Text, plural, say
from core.report.schema import Report
from core.targets import target_by_id
from core.tasks.base import TASK_TITLES
from pages.parts.widgets import number_format
from pages.parts.widgets.job_choice import Done
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain


def show_headline(done: Done) -> None:
    """Draw it."""
    _show_task(done)
    report, source = done.report, done.report.source
    made = [result for result in report.converted if result.size_bytes is not None]
    columns = st.columns(3)
    count = t("{made} of {all}", made=len(report.converted), all=len(report.outcomes))
    _figure(columns[0], t("Files made"), count, _kept(report))
    if made:
        smallest = min(made, key=lambda result: result.size_bytes or 0)
        share = number_format.part(smallest.size_share(source))
        _figure(columns[1], t("Smallest"), share, t(target_by_id(smallest.target).title))
        fastest = max(made, key=lambda result: result.speed_up(source) or 0.0)
        times = number_format.times(fastest.speed_up(source))
        _figure(columns[2], t("Fastest here"), times, t(target_by_id(fastest.target).title))


def _show_task(done: Done) -> None:
    task = done.report.task
    title, reason = f"**{plain(t(TASK_TITLES[task.name]))}**", plain(t(task.words))
    st.markdown(t("Taken for: {task}. {reason}", task=title, reason=reason))
    parts = [f":material/photo_library: {t(say('Compared on {samples}', samples=_samples(done)))}"]
    labels = _labels(done.report)
    if labels is not None:
        parts.append(f":material/label: {plain(t(labels))}")
    st.caption(" &ensp; ".join(parts))


def _samples(done: Done) -> Text:
    """What the files were compared on."""
    count = done.report.images.test
    takes_image = done.job.model is None or done.job.model.takes_image
    if not count:
        return say("random inputs instead of pictures") if takes_image else say("random inputs")
    if takes_image:
        return plural("{count} test picture", "{count} test pictures", count=count)
    return plural("{count} test example", "{count} test examples", count=count)


def _labels(report: Report) -> Text | None:
    """Which labels were used; None where that is not known, as of reports of earlier versions."""
    if report.task.labels_words is not None:
        return report.task.labels_words
    return None if report.source.truth else say("no labels: files are compared with the original")


def _kept(report: Report) -> str:
    """How many files keep the original's answers; of reports without verdicts, the size of the original."""
    comparisons = [result.comparison for result in report.converted if result.comparison is not None]
    if not any(comparison.words.template for comparison in comparisons):
        return t("from {size}", size=number_format.size(report.source.size_bytes))
    keep = sum(comparison.light == "keeps" for comparison in comparisons)
    if any(comparison.agreement is not None for comparison in comparisons):
        return t(plural("{count} keeps the answers", "{count} keep the answers", count=keep))
    return t(plural("{count} keeps the numbers", "{count} keep the numbers", count=keep))


def _figure(column: DeltaGenerator, label: str, value: str, about: str) -> None:
    column.metric(label, value, about, delta_color="off", delta_arrow="off", border=True, height="stretch")

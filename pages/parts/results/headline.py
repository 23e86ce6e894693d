"""The answer first: which file to take and why not the others; then what the files were compared on."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from core.common.paths import is_file
from core.common.text import Text, plural, say
from core.report.explanations import compared_on
from core.report.recommendation import Confidence, Recommendation, WhyNot, recommend
from core.report.schema import OutcomeEntry, Report
from core.targets import target_by_id
from core.tasks.base import TASK_TITLES
from pages.parts.results.kit import offer_kit
from pages.parts.widgets.job_choice import Done
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain
from pages.parts.widgets.served_files import DOWNLOADS

_ICONS: Mapping[Confidence, str] = {
    "keeps": ":green[:material/check_circle:]",
    "closest": ":orange[:material/visibility:]",
    "unmeasured": ":orange[:material/help:]",
    "none": ":red[:material/error:]",
}


def show_headline(done: Done) -> None:
    """Draw it."""
    answer = recommend(done.report)
    with st.container(border=True, key="answer"):
        st.markdown(f"{_ICONS[answer.confidence]} **{plain(t(answer.sentence))}**")
        if answer.device_sentence is not None:
            st.markdown(f":gray[:material/smartphone:] {plain(t(answer.device_sentence))}")
        if answer.caution is not None:
            st.markdown(f":orange[{plain(t(answer.caution))}]")
        _offer(done, answer)
        if answer.others:
            st.caption("  \n".join([t("Why not the others:"), *map(_why_not, answer.others)]))
    _show_task(done)


def _why_not(other: WhyNot) -> str:
    return f"**{plain(t(target_by_id(other.target).title))}**: {plain(t(other.clause))}"


def _offer(done: Done, answer: Recommendation) -> None:
    """The files that the answer names, to be downloaded, each with its kit."""
    chosen = [target for target in (answer.target, answer.device_target) if target is not None]
    for index, target in enumerate(chosen):
        (result,) = [result for result in done.report.converted if result.target == target]
        with st.container(horizontal=True, gap="small", key=f"answer-{target}"):
            _offer_one(result, is_first=index == 0)
            offer_kit(done, result, place="-answer")


def _offer_one(result: OutcomeEntry, *, is_first: bool) -> None:
    target, files = result.target, result.files
    present = [file for file in files if is_file(file)]
    if not present or len(present) < len(files):
        return
    name = present[0].name if len(present) == 1 else f"{present[0].stem}.zip"
    st.link_button(
        t("Download {target}", target=plain(t(target_by_id(target).title))),
        DOWNLOADS.url(present, name),
        icon=":material/download:",
        type="primary" if is_first else "secondary",
    )


def _show_task(done: Done) -> None:
    task = done.report.task
    title, reason = f"**{plain(t(TASK_TITLES[task.name]))}**", plain(t(task.words))
    st.markdown(t("Taken for: {task}. {reason}", task=title, reason=reason))
    count = t("{made} of {all} files made", made=len(done.report.converted), all=len(done.report.outcomes))
    parts = [f":material/inventory_2: {count} · {_kept(done.report)}" if _kept(done.report) else count]
    samples = compared_on(done.report.images.test, takes_image=done.job.takes_image)
    parts.append(f":material/photo_library: {t(say('Compared on {samples}', samples=samples))}")
    labels = _labels(done.report)
    if labels is not None:
        parts.append(f":material/label: {plain(t(labels))}")
    st.caption(" &ensp; ".join(parts))


def _labels(report: Report) -> Text | None:
    """Which labels were used; None where that is not known, as of reports of earlier versions."""
    if report.task.labels_words is not None:
        return report.task.labels_words
    return None if report.source.truth else say("no labels: files are compared with the original")


def _kept(report: Report) -> str:
    """How many files keep the original's answers; nothing of reports without verdicts."""
    comparisons = [result.comparison for result in report.converted if result.comparison is not None]
    if not any(comparison.words.template for comparison in comparisons):
        return ""
    keep = sum(comparison.light == "keeps" for comparison in comparisons)
    if any(comparison.agreement is not None for comparison in comparisons):
        return t(plural("{count} keeps the answers", "{count} keep the answers", count=keep))
    return t(plural("{count} keeps the numbers", "{count} keep the numbers", count=keep))

"""The original's prediction and one file's, drawn side by side over the same picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from core.job.target_id import TargetId
from core.report.changed_words import changes
from core.report.drawing.changes import Mark, compare_objects, compare_points
from core.report.drawing.picture import draw
from core.report.gallery_entries import Answer, GalleryEntry
from core.report.schema import Report
from core.targets import target_by_id
from core.tasks.objects.object_task import STORED_SHARE
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain

_MOST_SCORE = 0.99

_DAMAGED = (ValueError, TypeError, KeyError, IndexError)
"""What reading a damaged prediction raises."""


@dataclass(frozen=True)
class Pairing:
    """What is compared, and how it is drawn."""

    target: TargetId
    score: float
    """Least score of an object or a point."""

    class_names: tuple[str, ...]


def choose_pairing(entries: Sequence[GalleryEntry], report: Report, key: str) -> Pairing:
    """Draw the choice of the file, at first the one that changed most, and of the least score.

    Args:
        entries: all pictures.
        report: of the job.
        key: end of the keys of the controls.
    """
    targets = [result.target for result in report.converted]
    agreements = {target: _mean_agreement(entries, target) for target in targets}
    left, right = st.columns(2, gap="large", vertical_alignment="bottom")
    with left:
        target: TargetId = st.selectbox(
            t("Compare the original with"),
            targets,
            index=min(range(len(targets)), key=lambda index: agreements[targets[index]]),
            format_func=lambda target: t(target_by_id(target).title),
            key=f"gallery-target-{key}",
        )
    kinds = {entry.source.get("kind") for entry in entries}
    score = min(report.task.options.score or 0.0, _MOST_SCORE)
    if kinds & {"objects", "points"}:
        with right:
            score = _ask_score(score, key)
    if "objects" in kinds:
        st.caption(t("Signs: − only in the original, + only in the file, ↔ moved, ≠ of another class."))
    return Pairing(target, score, report.task.class_names)


def _ask_score(measured: float, key: str) -> float:
    """The least score of what is drawn: at first that of the measurement; predictions were kept from half of it on."""
    score: float = st.slider(
        t("Show what has at least this score"),
        round(STORED_SHARE * measured, 2),
        1.0,
        measured,
        0.01,
        key=f"gallery-score-{key}",
        help=t(
            "The figures above were measured at {score}; the slider changes only the drawings.", score=f"{measured:g}"
        ),
    )
    return score


def is_changed(entry: GalleryEntry, pairing: Pairing) -> bool:
    """Whether the file's prediction is another one than the original's; of objects, at the score that is chosen."""
    answer = entry.answers.get(pairing.target)
    if answer is None or entry.source.get("kind") != "objects":
        return answer is not None and answer.changed
    try:
        found = compare_objects(entry.source, answer.prediction, pairing.score)
    except _DAMAGED:
        return answer.changed
    return bool(found.lost or found.new or found.renamed)


def show_pair(folder: Path, entry: GalleryEntry, pairing: Pairing) -> None:
    """Draw one picture twice, and what changed."""
    answer = entry.answers.get(pairing.target)
    if answer is None:
        return
    with st.container(border=True, gap="small"):
        _show_heading(entry, answer, pairing)
        left, right = st.columns(2, gap="small")
        marks = _marks(entry, answer, pairing)
        names = (t("Original"), t(target_by_id(pairing.target).title))
        predictions = (entry.source, answer.prediction)
        for column, name, prediction, marked in zip((left, right), names, predictions, marks, strict=True):
            with column:
                st.caption(f"**{name}**")
                _show_drawing(folder, entry, prediction, pairing, marked, name)


def _show_heading(entry: GalleryEntry, answer: Answer, pairing: Pairing) -> None:
    mark = ":orange[:material/change_circle:]" if is_changed(entry, pairing) else ":green[:material/check:]"
    try:
        words = " · ".join(t(change) for change in changes(entry.source, answer, pairing.score))
    except _DAMAGED:
        words = ""
    truth = "" if entry.truth is None else t("Right answer: {label}", label=plain(entry.truth))
    name = f":gray[:small[{plain(Path(entry.file).name)}]]"
    st.markdown(f"{mark} **{plain(words)}** &ensp; {truth} &ensp; {name}")


def _show_drawing(
    folder: Path,
    entry: GalleryEntry,
    prediction: Mapping[str, Any],
    pairing: Pairing,
    marks: Mapping[int, Mark],
    name: str,
) -> None:
    picture = entry.picture_in(folder)
    try:
        drawing = draw(
            prediction,
            picture,
            entry.size or (1, 1),
            class_names=pairing.class_names,
            score=pairing.score,
            marks=marks,
            title=f"{name}: {Path(entry.file).name}",
        )
    except OSError:
        return  # deleted in the meantime
    except _DAMAGED:
        drawing = str(picture)
    st.image(drawing, width="stretch")


def _marks(entry: GalleryEntry, answer: Answer, pairing: Pairing) -> tuple[Mapping[int, Mark], Mapping[int, Mark]]:
    """What to mark on the left and on the right."""
    try:
        if entry.source.get("kind") == "objects":
            objects = compare_objects(entry.source, answer.prediction, pairing.score)
            return objects.source_marks, objects.other_marks
        if entry.source.get("kind") == "points":
            points = compare_points(entry.source, answer.prediction)
            return {}, points.marks
    except _DAMAGED:
        pass
    return {}, {}


def _mean_agreement(entries: Sequence[GalleryEntry], target: TargetId) -> float:
    found = [entry.answers[target].agreement for entry in entries if target in entry.answers]
    return sum(found) / len(found) if found else 1.0

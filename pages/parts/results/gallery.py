"""The test pictures before and after: two files' predictions side by side or under a slider, most changed first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args
from urllib.parse import urlencode

import streamlit as st

from core.common.text import Text, say, visible
from core.report.before_after import BeforeAfter, Order, View
from core.report.gallery_entries import ORIGINAL
from core.report.schema import Report
from core.tasks.objects.object_task import STORED_SHARE
from pages.parts.results.picture_frame import file_title
from pages.parts.results.picture_server import PICTURES
from pages.parts.results.stored_pictures import StoredPictures
from pages.parts.results.viewer_component import show_viewer
from pages.parts.widgets.error_message import fragment
from pages.parts.widgets.language import choice_key, current, t

_MOST_SCORE = 0.99
WITH_SCORES, _WITH_CLASSES = frozenset({"objects", "points"}), frozenset({"objects", "classes", "map"})
"""Kinds of predictions that a least score, or a choice of classes, changes."""

_ORDERS: Mapping[Order, Text] = {
    "change": say("Most changed first"),
    "least-change": say("Least changed first"),
    "name": say("By name"),
}

_WORDS: Mapping[str, Text] = {
    "title": say("Pictures before and after"),
    "pair": say("Side by side"),
    "slider": say("Slider"),
    "before": say("Previous picture"),
    "after": say("Next picture"),
    "full": say("Full screen"),
    "leave": say("Leave full screen"),
    "all": say("Pictures"),
    "keys": say("Keys, once you have clicked here: ← → other pictures, S side by side or slider, F full screen."),
    "fewerKeys": say("Keys, once you have clicked here: ← → other pictures, F full screen."),
    "handle": say("Border between the left and the right file"),
    "none": say("No picture is left: choose other classes or a lower score."),
    "gone": say("This picture cannot be shown any more. Reload the page."),
    "missing": say("Nothing was stored of this file."),
    "truth": say("Right answer:"),
    "same": say("the same answer"),
    "changed": say("a different answer"),
    "noText": say("no text"),
    "kept": say("= the same"),
    "lost": say("− lost: only on the left"),
    "new": say("+ new: only on the right"),
    "moved": say("↔ moved or of another size"),
    "movedPoint": say("↔ moved; the line leads to its place on the left"),
    "renamed": say("≠ of another class"),
}
"""Of the viewer."""


def show_gallery(folder: Path, report: Report) -> None:
    """Draw the gallery; nothing where no pictures were stored.

    Args:
        folder: of the job.
        report: whose files are shown.
    """
    stored = StoredPictures.of(folder, report)
    shown = stored.read()
    if shown.entries and stored.files:
        st.subheader(t("Picture by picture: before and after"), anchor=False)
        fragment(_draw)(stored, shown, report)
        shown.prepare([target for target, _ in stored.files], measured_score(report))


def _draw(stored: StoredPictures, shown: BeforeAfter, report: Report) -> None:
    key = stored.folder.name
    view, order = _choose_view(shown, report, stored, key)
    pictures = shown.order(view, order)
    changed = [pair for pair in pictures if pair[1].is_changed]
    listed = changed if _choose_changed(len(changed), len(pictures), key) else pictures
    data = {
        "address": PICTURES.address(stored),
        "query": query_of(view),
        "kind": shown.kind,
        "pictures": [
            [index, change.is_changed, visible(Path(shown.entries[index].file).name)] for index, change in listed
        ],
        "words": {**viewer_words(), **({"none": t("Both give the same answer on every picture.")} if pictures else {})},
    }
    show_viewer(data, key=f"viewer-{key}")


def viewer_words() -> dict[str, str]:
    """What the viewer says, in the reader's language."""
    return {"language": current(), **{name: t(words) for name, words in _WORDS.items()}}


def _choose_view(shown: BeforeAfter, report: Report, stored: StoredPictures, key: str) -> tuple[View, Order]:
    """Draw the choice of the two files, of the order, of classes and of the least score."""
    files = [ORIGINAL, *(target for target, _ in stored.files)]
    left_column, right_column, order_column = st.columns(3, vertical_alignment="bottom")
    with left_column:
        left = choose_file(t("Left"), files, ORIGINAL, f"gallery-left-{key}")
    with right_column:
        right = choose_file(t("Right"), files, most_changed(shown, files[1:]), f"gallery-target-{key}")
    with order_column:
        order: Order = st.selectbox(
            t("Order"),
            get_args(Order),
            format_func=lambda name: t(_ORDERS[name]),
            key=choice_key(f"gallery-order-{key}", get_args(Order)[0]),
        )
    score, classes = _choose_what_counts(shown, measured_score(report), key)
    return View(left, right, score, classes), order


def choose_file(label: str, files: Sequence[str], first: str, key: str) -> str:
    """Draw the choice of one side, the original or a file."""
    chosen: str = st.selectbox(label, files, format_func=lambda file: t(file_title(file)), key=choice_key(key, first))
    return chosen


def measured_score(report: Report) -> float:
    """The least score with which the files were measured."""
    return min(report.task.options.score or 0.0, _MOST_SCORE)


def _choose_what_counts(shown: BeforeAfter, measured: float, key: str) -> tuple[float, frozenset[int]]:
    has_scores, has_classes = shown.kind in WITH_SCORES, shown.kind in _WITH_CLASSES and len(shown.classes) > 1
    if not has_scores and not has_classes:
        return measured, frozenset()
    first, second = st.columns([2, 1], gap="medium")
    class_column, score_column = (first, second) if has_classes else (second, first)
    chosen: list[int] = []
    with class_column:
        if has_classes:
            chosen = st.multiselect(
                t("Only these classes"),
                list(shown.classes),
                format_func=lambda index: visible(shown.classes[index]),
                placeholder=t("All classes"),
                key=f"gallery-classes-{key}",
            )
    with score_column:
        score = ask_score(measured, key) if has_scores else measured
    return score, frozenset(chosen)


def ask_score(measured: float, key: str) -> float:
    """Draw the choice of the least score: at first that of the measurement; predictions are kept from half of it on."""
    score: float = st.slider(
        t("Show what has at least this score"),
        round(STORED_SHARE * measured, 2),
        1.0,
        measured,
        0.01,
        key=f"gallery-score-{key}",
        help=t(
            "Only what you see here changes: the figures above were measured at {score}, and stay.",
            score=f"{measured:g}",
        ),
    )
    return score


def _choose_changed(changed: int, count: int, key: str) -> bool:
    """Draw the choice between the pictures with different answers and all; whether it is the former."""
    choice = st.segmented_control(
        t("Pictures"),
        ["changed", "all"],
        default="changed" if changed else "all",
        required=True,
        format_func=lambda name: (
            t("Different answers ({count})", count=changed)
            if name == "changed"
            else t("All pictures ({count})", count=count)
        ),
        key=f"gallery-filter-{key}",
        label_visibility="collapsed",
    )
    return bool(choice == "changed")


def most_changed(shown: BeforeAfter, files: Sequence[str]) -> str:
    """The file whose answers are the farthest from the original's."""
    return min(files, key=lambda file: _mean_agreement(shown, file))


def _mean_agreement(shown: BeforeAfter, file: str) -> float:
    found = [entry.answers[file].agreement for entry in shown.entries if file in entry.answers]
    return sum(found) / len(found) if found else 1.0


def query_of(view: View) -> str:
    """The view in the address of a picture."""
    pairs = [("left", view.left), ("right", view.right), ("score", f"{view.score:g}")]
    return urlencode([*pairs, *(("class", str(index)) for index in sorted(view.classes))])

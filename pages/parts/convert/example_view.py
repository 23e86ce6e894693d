"""What a folder of examples holds: thumbnails, how many there are, their labels, and which cannot be used."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core.common.text import plural
from core.inputs.example_folder import ExampleFolder
from pages.parts.paths import uploads
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain, show_text_badge
from pages.parts.widgets.step import show_chosen, show_note

_FEW = 20
_SHOWN_PROBLEMS = 5


def show_examples(folder: ExampleFolder, *, on_change: Callable[[], None]) -> None:
    """Draw the chosen folder.

    Args:
        folder: what it holds.
        on_change: called when another one is wanted.
    """
    show_chosen(
        folder.path.name if uploads.is_upload(folder.path) else folder.path,
        change=t("Choose other pictures") if folder.holds_images else t("Choose another folder"),
        key="examples-other",
        on_change=on_change,
    )
    if folder.thumbnails:
        with st.container(horizontal=True, gap="small", key="picture-strip"):
            for thumbnail in folder.thumbnails:
                st.image(thumbnail, width=104)
    with st.container(horizontal=True, gap="small"):
        icon = ":material/photo_library:" if folder.holds_images else ":material/data_array:"
        st.badge(count_text(folder), icon=icon, color="gray")
        if folder.holds_images:
            _show_labels(folder)
        _show_trial(folder)
    if folder.inputs_without_array:
        names = plain(", ".join(folder.inputs_without_array))
        show_note(t("The files hold no array for {names}; the same made-up values are used every time.", names=names))
    if folder.count < _FEW:
        st.caption(_few(folder))


def count_text(folder: ExampleFolder) -> str:
    """How many examples there are."""
    if folder.holds_images:
        return t(plural("{count} picture", "{count} pictures", count=folder.count))
    return t(plural("{count} example", "{count} examples", count=folder.count))


def _few(folder: ExampleFolder) -> str:
    if folder.holds_images:
        return t("These are few pictures. With {count} or more the results become more reliable.", count=_FEW)
    return t("These are few examples. With {count} or more the results become more reliable.", count=_FEW)


def _show_labels(folder: ExampleFolder) -> None:
    if folder.labels is None:
        st.badge(t("no right answers given"), icon=":material/label_off:", color="gray", help=labels_help())
        return
    show_text_badge(t(folder.labels), icon=":material/label:", color="green")
    for problem in folder.label_problems:
        show_text_badge(t(problem), icon=":material/label_important:", color="orange")


def _show_trial(folder: ExampleFolder) -> None:
    """How many of the files that were tried can be used, and what is wrong with the others."""
    failed, tried = len(folder.problems), folder.tried
    if not folder.holds_images:
        fitting = t(
            plural(
                "{count} of {tried} tried fits the model",
                "{count} of {tried} tried fit the model",
                count=tried - failed,
                tried=tried,
            )
        )
        st.badge(fitting, icon=":material/check:", color="green")
    if failed:
        lines = [plain(t(problem)) for problem in folder.problems[:_SHOWN_PROBLEMS]]
        help_text = "\n\n".join([*lines, "…"] if failed > _SHOWN_PROBLEMS else lines)
        broken = t("{count} of {tried} cannot be used", count=failed, tried=tried)
        st.badge(broken, icon=":material/broken_image:", color="orange", help=help_text)


def labels_help() -> str:
    """How to give the right answers, for the accuracy."""
    return t(
        "To have the right answers counted too, add them in a usual form: one subfolder for each class, a table "
        "labels.csv with the columns file and label, boxes or points as COCO JSON, YOLO text files or Pascal VOC XML, "
        "masks as PNG in a folder masks, or texts as name.txt beside each picture."
    )

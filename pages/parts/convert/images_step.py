"""Step 2 of Convert: example pictures, from which ranges are learned and on which the results are judged."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core.common.errors import EdgePressError, InputError
from core.inputs.images import SUFFIXES
from core.queue.supervisor import get_supervisor
from pages.parts.convert import draft
from pages.parts.convert.image_folder_summary import ImageFolderSummary, summarize_image_folder
from pages.parts.widgets import uploads
from pages.parts.widgets.error_message import show_error
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain
from pages.parts.widgets.path_chooser import ask_for_path

_UPLOADS = "picture-uploads"
_FEW = 20
_SHOWN_BROKEN = 5


def choose_pictures() -> ImageFolderSummary | None:
    """Draw the step; what the chosen folder holds, or None while there is none that can be used."""
    with st.container(border=True, key="step-pictures"):
        st.subheader(f":primary[:material/counter_2:] {t('Example pictures')}", anchor=False)
        folder = draft.current().images
        look = None if folder is None else _look(folder)
        if look is None:
            _ask()
        else:
            _show(look)
            _offer_test_pictures()
    return look


def _look(folder: Path) -> ImageFolderSummary | None:
    try:
        with st.spinner(t("Looking at the pictures")):
            return summarize_image_folder(str(folder))
    except EdgePressError as exc:
        show_error(exc)
        return None


def _ask() -> None:
    st.caption(
        t(
            "A folder with 20 to 200 pictures like those that the model will see. Without it the two targets that "
            "learn from pictures cannot be made, and the results are checked on random inputs only."
        )
    )
    left, right = st.columns(2, gap="large")
    with left:
        folder = _ask_for_upload()
    with right:
        label = t("Or where the folder lies on this computer")
        folder = ask_for_path("folder", "pictures", label=label) or folder
    if folder is not None:
        summarize_image_folder.clear(str(folder))
        draft.change(images=folder)
        st.rerun()


def _ask_for_upload() -> Path | None:
    round_number = st.session_state.setdefault(_UPLOADS, 0)
    files = st.file_uploader(
        t("Drop the folder here"),
        type=sorted(suffix.lstrip(".") for suffix in (*SUFFIXES, ".csv")),
        accept_multiple_files="directory",
        key=f"{_UPLOADS}-{round_number}",
        help=t(
            "To have the right answers counted too, sort the pictures into one subfolder for each class, or add a "
            "table labels.csv with the columns file and label."
        ),
    )
    if not files:
        return None
    try:
        uploads.sweep(get_supervisor().store)
        folder = uploads.save_pictures(files)
    except InputError as exc:
        show_error(exc)
        return None
    # A new key empties the field, and with it the copies in memory.
    st.session_state[_UPLOADS] = round_number + 1
    return folder


def _show(look: ImageFolderSummary) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        name = look.folder.name if uploads.is_upload(look.folder) else look.folder
        st.markdown(f"**{plain(name)}**", width="content")
        if st.button(t("Choose other pictures"), key="pictures-other", icon=":material/swap_horiz:", type="tertiary"):
            draft.change(images=None, test_images=None)
            st.rerun()
    with st.container(horizontal=True, gap="small", key="picture-strip"):
        for thumbnail in look.thumbnails:
            st.image(thumbnail, width=104)
    with st.container(horizontal=True, gap="small"):
        st.badge(t("{count} pictures", count=look.count), icon=":material/photo_library:", color="gray")
        _show_labels(look)
        if look.broken:
            broken = t("{count} of {opened} cannot be read", count=len(look.broken), opened=look.opened)
            names = ", ".join(look.broken[:_SHOWN_BROKEN]) + (" …" if look.broken[_SHOWN_BROKEN:] else "")
            st.badge(broken, icon=":material/broken_image:", color="orange", help=plain(names))
    if look.count < _FEW:
        st.caption(t("These are few pictures. With {count} or more the results become more reliable.", count=_FEW))


def _show_labels(look: ImageFolderSummary) -> None:
    if look.labelled:
        known = t("right answers known for {count}, {classes} classes", count=look.labelled, classes=look.classes)
        st.badge(known, icon=":material/label:", color="green")
    else:
        help_text = t(
            "To have the right answers counted too, sort the pictures into one subfolder for each class, or add a "
            "table labels.csv with the columns file and label."
        )
        st.badge(t("no right answers given"), icon=":material/label_off:", color="gray", help=help_text)


def _offer_test_pictures() -> None:
    folder = draft.current().test_images
    with st.expander(t("Use other pictures for the test"), expanded=folder is not None, icon=":material/fact_check:"):
        if folder is None:
            st.caption(
                t(
                    "Usually half of the pictures teach the ranges and the other half test the results. With a second "
                    "folder, the first one teaches and the second one tests."
                )
            )
            chosen = ask_for_path("folder", "test-pictures", label=t("Folder with test pictures"))
            if chosen is not None:
                draft.change(test_images=chosen)
                st.rerun()
            return
        look = _look(folder)
        if look is not None:
            st.markdown(f"**{plain(folder)}** · {t('{count} pictures', count=look.count)}")
        if st.button(t("Do without"), key="test-pictures-none", icon=":material/close:"):
            draft.change(test_images=None)
            st.rerun()

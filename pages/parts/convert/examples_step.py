"""Step 2 of Convert: examples of what the model will see, for the calibration and for the test of the results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from core.common.errors import EdgePressError
from core.inputs.example_folder import ExampleFolder
from core.inputs.images import ARRAY_SUFFIXES, SUFFIXES, SampleCounts
from core.inputs.look_in_helper import prepare
from core.onnx_model.source import Source
from pages.parts.convert import draft
from pages.parts.convert.example_folder import forget_examples, inspect_examples
from pages.parts.convert.example_view import count_text, labels_help, show_examples
from pages.parts.paths import uploads
from pages.parts.paths.path_chooser import ask_for_path
from pages.parts.paths.upload_field import ask_for_upload
from pages.parts.widgets.error_message import show_error
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain
from pages.parts.widgets.step import step_heading


@dataclass(frozen=True)
class Examples:
    """The folders that were chosen and can be used."""

    folder: ExampleFolder | None = None
    test: ExampleFolder | None = None
    """Of test samples of its own, if there is one."""

    @property
    def counts(self) -> SampleCounts:
        """How many of the examples will calibrate, and how many will test."""
        if self.folder is None:
            return SampleCounts(0, 0)
        return SampleCounts.expected(self.folder.count, None if self.test is None else self.test.count)


def choose_examples(source: Source) -> Examples:
    """Draw the step; which examples there are for the model."""
    with st.container(border=True, key="step-examples"):
        step_heading(2, t("Example pictures") if source.takes_image else t("Example inputs"))
        path = draft.current().images
        folder = None if path is None else _inspect(path, source)
        if folder is None:
            _ask(source)
            return Examples()
        show_examples(folder, on_change=_choose_another)
        return Examples(folder, _choose_test_folder(folder, source))


def _inspect(path: Path, source: Source) -> ExampleFolder | None:
    try:
        with st.spinner(t("Looking at the pictures") if source.takes_image else t("Trying the files")):
            return inspect_examples(path, source)
    except EdgePressError as exc:
        show_error(exc)
        return None


def _ask(source: Source) -> None:
    prepare()  # while the person chooses
    st.caption(_explanation(source))
    left, right = st.columns(2, gap="large")
    with left:
        uploaded = ask_for_upload(
            t("Drop the folder here"),
            "example-uploads",
            uploads.save_examples,
            type=_uploadable(source),
            accept_multiple_files="directory",
            help=labels_help() if source.takes_image else None,
        )
    with right:
        label = t("Or where the folder lies on this computer")
        path = ask_for_path("examples", "examples", label=label) or uploaded
    if path is not None:
        forget_examples()
        draft.change(images=path)
        st.rerun()


def _uploadable(source: Source) -> list[str] | None:
    """Endings of the files that can be uploaded, without their dots.

    None, all files, for a model that takes no picture: the upload field would refuse pictures without saying why.
    """
    suffixes = (*SUFFIXES, *ARRAY_SUFFIXES, ".csv")
    return sorted(suffix.lstrip(".") for suffix in suffixes) if source.takes_image else None


def _explanation(source: Source) -> str:
    if source.takes_image:
        return t(
            "A folder with 20 to 200 pictures like those that the model will see. Without it the two targets that need "
            "calibration cannot be made, and the results are checked on random inputs only."
        )
    names = ", ".join(tensor.name for tensor in source.inputs)
    return plain(
        t(
            "A folder with 20 to 200 .npz files, one for each example, with an array for each input of the model: "
            "{names}. A .npy file holds the array for {first}. Without the folder the targets that need calibration "
            "cannot be made, and the results are checked on random inputs only.",
            names=names,
            first=source.inputs[0].name,
        )
    )


def _choose_another() -> None:
    draft.change(images=None, test_images=None)


def _choose_test_folder(folder: ExampleFolder, source: Source) -> ExampleFolder | None:
    path = draft.current().test_images
    title = t("Use other pictures for the test") if folder.holds_images else t("Use other examples for the test")
    with st.expander(title, expanded=path is not None, icon=":material/fact_check:"):
        if path is None:
            _ask_for_test_folder(folder)
            return None
        test = _inspect(path, source)
        if test is not None:
            st.markdown(f"**{plain(path)}** · {count_text(test)}")
        if st.button(t("Remove"), key="test-examples-none", icon=":material/close:"):
            draft.change(test_images=None)
            st.rerun()
        return test


def _ask_for_test_folder(folder: ExampleFolder) -> None:
    st.caption(
        t(
            "Usually half of the examples are used for the calibration, which measures the ranges of values, and the "
            "other half to test the results. With a second folder, the first one is used for the calibration and the "
            "second one for the test."
        )
    )
    label = t("Folder with test pictures") if folder.holds_images else t("Folder with test examples")
    chosen = ask_for_path("examples", "test-examples", label=label)
    if chosen is not None:
        draft.change(test_images=chosen)
        st.rerun()

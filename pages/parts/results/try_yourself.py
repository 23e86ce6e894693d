"""A picture of the person's own, run through the original and every file, and shown as the stored ones are."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from core.common.errors import EdgePressError, InputError
from core.common.format_version import write_versioned
from core.common.text import say, visible
from core.job.target_id import TargetId
from core.report.before_after import View
from core.report.gallery_entries import ORIGINAL
from core.report.schema import Report
from core.tryout.answers import Tried, TriedAnswer
from pages.parts.paths import uploads
from pages.parts.paths.upload_field import ask_for_upload
from pages.parts.results.gallery import (
    WITH_SCORES,
    ask_score,
    choose_file,
    measured_score,
    most_changed,
    query_of,
    viewer_words,
)
from pages.parts.results.picture_frame import file_title
from pages.parts.results.picture_server import PICTURES
from pages.parts.results.stored_pictures import StoredPictures
from pages.parts.results.viewer_component import show_viewer
from pages.parts.widgets.error_message import fragment, show_error
from pages.parts.widgets.job_choice import Done
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain

_PICTURE = "00000.jpg"

_MOST_MB = 200
"""Of one picture through the browser."""


@dataclass(frozen=True)
class _Shown:
    """What is kept of a picture that was tried."""

    name: str
    folder: Path
    """With the picture and the predictions, in the form of a job's."""

    files: tuple[TargetId, ...]
    errors: Mapping[TargetId, EdgePressError]
    milliseconds: Mapping[str, float]
    """Of one run, by target, and of the original."""

    seconds: float
    """From the upload to the answers."""


def show_try_yourself(done: Done, folder: Path) -> None:
    """Draw the field, and what came of the last picture.

    Args:
        done: the job.
        folder: of the job.
    """
    if not done.job.takes_image or not done.report.converted:
        return
    st.subheader(t("Try it yourself"), anchor=False)
    st.caption(t("Drop any picture here, and see what the original and every file say. It stays on this computer."))
    fragment(_draw)(folder, done.report)


def _draw(folder: Path, report: Report) -> None:
    key = f"tried-{folder.name}"
    path = ask_for_upload(t("A picture"), f"{key}-field", _save, label_visibility="collapsed", max_upload_size=_MOST_MB)
    if path is not None:
        st.session_state.pop(key, None)
        try:
            with st.spinner(t("Running the original and every file")):
                st.session_state[key] = _try(folder, path, report)
        except EdgePressError as exc:
            st.session_state[key] = exc
        st.rerun(scope="fragment")
    found = st.session_state.get(key)
    if isinstance(found, EdgePressError):
        show_error(found)
    elif isinstance(found, _Shown):
        _show(found, report, key)


def _save(file: Any) -> Path:
    return uploads.save_picture(file)


def _try(folder: Path, path: Path, report: Report) -> _Shown:
    from core.tryout.run import try_picture

    start = time.perf_counter()
    tried = try_picture(folder, path, [result.target for result in report.converted])
    stored = path.parent / "answers"
    try:
        _write(tried, stored, path.name)
    except OSError as exc:
        raise InputError(
            say('The answers cannot be saved in "{folder}".', folder=stored),
            next_step=say("Make sure that the disk is not full and that you may write to this folder."),
            detail=repr(exc),
        ) from exc
    answers = {ORIGINAL: tried.original, **tried.files}
    times = {file: 1000 * answer.seconds for file, answer in answers.items()}
    return _Shown(path.name, stored, tuple(tried.files), tried.errors, times, time.perf_counter() - start)


def _write(tried: Tried, folder: Path, name: str) -> None:
    """As a job stores its pictures."""
    (folder / "gallery").mkdir(parents=True)
    (folder / "gallery" / _PICTURE).write_bytes(tried.picture.jpeg)
    entry = {
        "file": name,
        "picture": _PICTURE,
        "size": list(tried.picture.size),
        "truth": None,
        "source": tried.original.prediction,
        "answers": {target: _answer(answer) for target, answer in tried.files.items()},
    }
    write_versioned(folder / "gallery.json", {"entries": [entry]})


def _answer(answer: TriedAnswer) -> dict[str, Any]:
    agreement = answer.agreement
    return {"prediction": answer.prediction, "agreement": agreement, "cosine": None, "changed": agreement < 1.0}


def _show(found: _Shown, report: Report, key: str) -> None:
    for target, error in found.errors.items():
        st.warning(
            f"**{plain(t(file_title(target)))}**: {plain(t(error.reason))} {plain(t(error.next_step))}",
            icon=":material/warning:",
        )
    stored = StoredPictures.at(found.folder, {target: target for target in found.files}, report.task.class_names)
    shown = stored.read()
    if not shown.entries:
        return
    files = [ORIGINAL, *found.files]
    left_column, right_column, score_column = st.columns(3, vertical_alignment="bottom")
    with left_column:
        left = choose_file(t("Left"), files, ORIGINAL, f"{key}-left")
    with right_column:
        right = choose_file(
            t("Right"), files, most_changed(shown, files[1:]) if files[1:] else ORIGINAL, f"{key}-right"
        )
    with score_column:
        score = measured_score(report)
        if shown.kind in WITH_SCORES:
            score = ask_score(score, key)
    view = View(left, right, score)
    data = {
        "address": PICTURES.address(stored),
        "query": query_of(view),
        "kind": shown.kind,
        "pictures": [[0, shown.change(0, view).is_changed, visible(found.name)]],
        "words": viewer_words(),
    }
    show_viewer(data, key=f"{key}-viewer")
    times = " · ".join(f"{plain(t(file_title(file)))} {ms:.1f} ms" for file, ms in found.milliseconds.items())
    st.caption(
        t(
            "One run here, all threads: {times}. Everything together took {seconds} s.",
            times=times,
            seconds=f"{found.seconds:.1f}",
        )
    )

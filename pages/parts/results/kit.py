"""The deployment kit of one file: a button that makes it, its progress, its download, the runtime of its web page."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core.common.errors import Cancelled
from core.common.paths import is_file
from core.job.target_id import TargetId
from core.kit.make import kit_paths, make_kit
from core.kit.web import lacks_runtime
from core.kit.write import KitPaths, is_kit
from core.process.background_task import BackgroundTask
from core.queue.supervisor import get_supervisor
from core.report.schema import OutcomeEntry
from core.setup import web_runtime
from pages.parts.widgets.error_message import show_error
from pages.parts.widgets.job_choice import Done
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain
from pages.parts.widgets.progress import watch_task
from pages.parts.widgets.served_files import DOWNLOADS

KIT: BackgroundTask[KitPaths] = BackgroundTask(make_kit)
"""One for the whole server, so a refresh does not end it; it is started with the job's folder, the target, where the
kit is to be, and whether its web page gets its runtime."""


def offer_kit(done: Done, result: OutcomeEntry, *, place: str = "") -> None:
    """Draw what there is of the kit of a file that was made: the download, the progress or the button.

    Args:
        done: the job.
        result: of one of its targets.
        place: where on the page, if there is another place for the same kit.
    """
    if not result.files:
        return
    arguments = (get_supervisor().store.folder(done.id), result.target, done.job.out)
    is_own, is_running = KIT.status.arguments[:3] == arguments, KIT.status.is_running
    if is_own and is_running:
        watch_task(KIT, cancel_key=f"kit-cancel-{result.target}{place}")
        return
    if is_own:
        _show_last_error()
    paths = kit_paths(result, done.job.out)
    if _is_current(paths, result):
        _offer_download(paths)
        if lacks_runtime(paths.folder) and not place:
            _offer_runtime(arguments, is_running=is_running)
        return
    can_make = not is_running and all(map(is_file, result.files))
    if st.button(
        t("Make a deployment kit"),
        icon=":material/package_2:",
        key=f"kit-{result.target}{place}",
        disabled=not can_make,
        help=t(
            "A folder with this file, what it must be fed with, the names of the classes, three test pictures with "
            "the expected answers, and a short Python program that gives them; for pictures and ONNX a web page too. "
            "It takes some seconds."
        ),
    ):
        KIT.start(*arguments)
        st.rerun()


def _offer_runtime(arguments: tuple[Path, TargetId, Path], *, is_running: bool) -> None:
    """The kit is made again with what its page runs the model with."""
    fetches = "" if web_runtime.is_ready() else t("Downloads {size} MB once.", size=web_runtime.DOWNLOAD_MB)
    if st.button(
        t("Complete its web page"),
        icon=":material/web:",
        key=f"kit-web-{arguments[1]}",
        disabled=is_running,
        help=t(
            "The kit's web page does the job in a browser, on a computer or a phone. It needs onnxruntime-web, which "
            "makes the kit {size} MB larger. {fetches}",
            size=web_runtime.SIZE_MB,
            fetches=fetches,
        ),
    ):
        KIT.start(*arguments, True)
        st.rerun()


def _offer_download(paths: KitPaths) -> None:
    st.link_button(
        t("Download the deployment kit (zip)"),
        DOWNLOADS.url([paths.archive], paths.archive.name),
        icon=":material/download:",
        help=t("It also lies in {folder}", folder=plain(paths.folder)),
    )


def _show_last_error() -> None:
    error = KIT.status.error
    if isinstance(error, Cancelled):
        st.caption(t("The kit was not made: it was cancelled."))
    elif error is not None:
        show_error(error)


def _is_current(paths: KitPaths, result: OutcomeEntry) -> bool:
    """Whether the kit is there, and was made since the file was: another one may have taken its place."""
    if not is_file(paths.archive) or not is_kit(paths.folder):
        return False
    try:
        return paths.archive.stat().st_mtime >= max(file.stat().st_mtime for file in result.files)
    except OSError:
        return False

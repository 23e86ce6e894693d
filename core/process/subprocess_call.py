"""Call a function in a process of its own: a native crash there costs one answer, not the app."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.common.errors import Cancelled, ConversionError
from core.common.json_files import read_json, write_json
from core.common.progress import Progress, silent
from core.common.text import say
from core.process import messages
from core.process.error_json import error_from_json
from core.process.progress_lines import ProgressReader
from core.process.worker_process import WorkerProcess

REQUEST_FILE = "request.json"
RESPONSE_FILE = "response.json"

_TICK = 0.1


def never_cancelled() -> bool:
    """The answer of nobody who could want a call to end."""
    return False


def call_in_subprocess(
    name: str,
    arguments: Mapping[str, Any],
    *,
    timeout: float,
    command: Sequence[str],
    progress: Progress = silent,
    cancelled: Callable[[], bool] = never_cancelled,
) -> Any:
    """Run one function of the table in :mod:`core.process.subprocess_entry` and wait for its answer.

    Args:
        name: its name in the table.
        arguments: its keyword arguments, as plain data.
        timeout: seconds after which it is ended.
        command: the command of the answering process, to which a folder is added.
        progress: hears what the function says through :class:`~core.process.progress_lines.ProgressLines`.
        cancelled: asked several times a second; once it says yes, the process and its children are ended.

    Returns:
        What it returned, as plain data.

    Raises:
        EdgePressError: what the function raised, as the same kind of error.
        ConversionError: it crashed, took too long, or could not be started.
        Cancelled: ``cancelled`` said yes.
    """
    with tempfile.TemporaryDirectory(prefix="edgepress-", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        write_json(folder / REQUEST_FILE, {"name": name, "arguments": dict(arguments)})
        reader = ProgressReader(folder, progress)
        exit_code = _run(command, folder, timeout, reader, cancelled)
        try:
            answer = read_json(folder / RESPONSE_FILE)
        except (OSError, ValueError) as exc:
            reason, next_step = messages.crash(exit_code, reader.last or say("trying the model out"))
            raise ConversionError(reason, next_step=next_step, detail=_log(folder)) from exc
    if "error" in answer:
        raise error_from_json(answer["error"])
    return answer["value"]


def _run(
    command: Sequence[str], folder: Path, timeout: float, reader: ProgressReader, cancelled: Callable[[], bool]
) -> int | None:
    try:
        process = WorkerProcess(command, folder, log=folder / "log.txt")
    except OSError as exc:
        reason, next_step = messages.no_worker()
        raise ConversionError(reason, next_step=next_step, detail=repr(exc)) from exc
    deadline = time.monotonic() + timeout
    try:
        while not process.wait(_TICK):
            reader.pass_on()
            if cancelled():
                raise Cancelled(messages.cancelled(), next_step=say("Start it again."))
            if time.monotonic() >= deadline:
                raise _too_slow(timeout, folder)
        reader.pass_on()
        return process.exit_code()
    finally:
        process.end()


def _too_slow(timeout: float, folder: Path) -> ConversionError:
    return ConversionError(
        say("It took longer than {seconds} s and was stopped.", seconds=round(timeout)),
        next_step=say("Close other programs or use a smaller model, then try again."),
        detail=_log(folder),
    )


def _log(folder: Path) -> str:
    try:
        return (folder / "log.txt").read_text(encoding="utf-8", errors="replace")[-4000:].strip()
    except OSError:
        return ""

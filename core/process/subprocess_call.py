"""Call a function in a subprocess: a native crash there costs one result, not the app."""

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
from core.process.worker_process import WorkerProcess, log_tail

REQUEST_FILE = "request.json"
RESPONSE_FILE = "response.json"

_LOG = "log.txt"
_POLL_SECONDS = 0.1


def never_cancelled() -> bool:
    """Default for calls that nobody can cancel."""
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
    """Run one function of those that :func:`core.process.subprocess_entry.serve` offers, and wait for its result.

    Args:
        name: its name there.
        arguments: its keyword arguments, as plain data.
        timeout: seconds after which the process is killed.
        command: starts the serving process; the folder of the request is appended.
        progress: called with what the function reports through :class:`~core.process.progress_lines.ProgressWriter`.
        cancelled: polled ten times a second; once it returns true, the process and its children are killed.

    Returns:
        What it returned, as plain data.

    Raises:
        EdgePressError: what the function raised, as the same kind of error.
        ConversionError: it crashed, took too long, or could not be started.
        Cancelled: ``cancelled`` returned true.
    """
    with tempfile.TemporaryDirectory(prefix="edgepress-", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        write_json(folder / REQUEST_FILE, {"name": name, "arguments": dict(arguments)})
        reader = ProgressReader(folder, progress)
        exit_code = _run(command, folder, timeout, reader, cancelled)
        try:
            response = read_json(folder / RESPONSE_FILE)
        except (OSError, ValueError) as exc:
            reason, next_step = messages.crashed(exit_code, reader.last_message or say("trying the model out"))
            raise ConversionError(reason, next_step=next_step, detail=log_tail(folder / _LOG)) from exc
    if "error" in response:
        raise error_from_json(response["error"])
    return response["value"]


def _run(
    command: Sequence[str], folder: Path, timeout: float, reader: ProgressReader, cancelled: Callable[[], bool]
) -> int | None:
    try:
        process = WorkerProcess(command, folder, log=folder / _LOG)
    except OSError as exc:
        reason, next_step = messages.not_started()
        raise ConversionError(reason, next_step=next_step, detail=repr(exc)) from exc
    deadline = time.monotonic() + timeout
    try:
        while not process.wait(_POLL_SECONDS):
            reader.forward_new_lines()
            if cancelled():
                raise Cancelled(messages.cancelled(), next_step=say("Start it again."))
            if time.monotonic() >= deadline:
                raise _timed_out(timeout, folder)
        reader.forward_new_lines()
        return process.exit_code()
    finally:
        process.end()


def _timed_out(timeout: float, folder: Path) -> ConversionError:
    return ConversionError(
        say("It took longer than {seconds} s and was stopped.", seconds=round(timeout)),
        next_step=say("Close other programs or use a smaller model, then try again."),
        detail=log_tail(folder / _LOG),
    )

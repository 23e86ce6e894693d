"""Call a function in a process of its own: a native crash there costs one answer, not the app."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.errors import ConversionError
from core.queue import words
from core.queue.files import read_json, write_json
from core.queue.processes import ANSWER, WorkerProcess
from core.queue.wire import error_from_json
from core.text import Text, say

QUESTION = "question.json"
ANSWER_FILE = "answer.json"
PROGRESS = "progress.json"


def call(name: str, arguments: Mapping[str, Any], *, timeout: float, command: Sequence[str] = ANSWER) -> Any:
    """Run one function of the table in :mod:`core.queue.answer` and wait for its answer.

    Args:
        name: its name in the table.
        arguments: its keyword arguments, as plain data.
        timeout: seconds after which it is ended.
        command: the command of the answering process, to which a folder is added.

    Returns:
        What it returned, as plain data.

    Raises:
        EdgePressError: what the function raised, as the same kind of error.
        ConversionError: it crashed, took too long, or could not be started.
    """
    with tempfile.TemporaryDirectory(prefix="edgepress-", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        exit_code = _run(ask(name, arguments, folder, command=command), folder, timeout)
        return read_answer(folder, exit_code, step=say("trying the model out"))


def ask(name: str, arguments: Mapping[str, Any], folder: Path, *, command: Sequence[str] = ANSWER) -> WorkerProcess:
    """Put the question into a folder and start the process that answers it there.

    Raises:
        ConversionError: it could not be started.
    """
    write_json(folder / QUESTION, {"name": name, "arguments": dict(arguments)})
    try:
        return WorkerProcess(command, folder, log=folder / "log.txt")
    except OSError as exc:
        reason, next_step = words.no_worker()
        raise ConversionError(reason, next_step=next_step, detail=repr(exc)) from exc


def read_answer(folder: Path, exit_code: int | None, *, step: Text | None) -> Any:
    """What the process left in the folder.

    Args:
        folder: where it was asked.
        exit_code: with which it ended.
        step: what it was doing last, for the words about a crash.

    Raises:
        EdgePressError: what the function raised, as the same kind of error.
        ConversionError: there is no answer.
    """
    try:
        answer = read_json(folder / ANSWER_FILE)
    except (OSError, ValueError) as exc:
        reason, next_step = words.crash(exit_code, step)
        raise ConversionError(reason, next_step=next_step, detail=_log(folder)) from exc
    if "error" in answer:
        raise error_from_json(answer["error"])
    return answer["value"]


def _run(process: WorkerProcess, folder: Path, timeout: float) -> int | None:
    try:
        if not process.wait(timeout):
            raise ConversionError(
                say("It took longer than {seconds} s and was stopped.", seconds=round(timeout)),
                next_step=say("Close other programs or use a smaller model, then try again."),
                detail=_log(folder),
            )
        return process.exit_code()
    finally:
        process.end()


def _log(folder: Path) -> str:
    try:
        return (folder / "log.txt").read_text(encoding="utf-8", errors="replace")[-4000:].strip()
    except OSError:
        return ""

"""An errand: one function run in a process of its own in the background, with progress, to be cancelled at any time."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from core.errors import ConversionError, EdgePressError
from core.queue import words
from core.queue.call import PROGRESS, ask, read_answer
from core.queue.files import read_json
from core.queue.processes import ANSWER
from core.queue.state import share
from core.text import Text

_POLL = 0.2


@dataclass(frozen=True)
class Standing:
    """One moment of an errand, whole: a reader never sees the half of one."""

    is_running: bool = False
    fraction: float = 0.0
    """Share that is done, 0 to 1."""

    message: Text | None = None
    """What is being done."""

    arguments: Mapping[str, Any] = field(default_factory=dict)
    """What it was sent with."""

    value: Any = None
    """What the function returned, as plain data."""

    error: EdgePressError | None = None
    """Why it failed."""

    was_cancelled: bool = False


class Errand:
    """At most one at a time for each object; the process and all that it started end with it, and with the app."""

    def __init__(self, name: str, *, command: Sequence[str] = ANSWER) -> None:
        """Prepare it.

        Args:
            name: of the function in the table of :mod:`core.queue.answer`.
            command: the command of the answering process, to which a folder is added.
        """
        self._name, self._command = name, command
        self._guard = threading.Lock()
        self._unwanted = threading.Event()
        self._thread: threading.Thread | None = None
        self._standing = Standing()

    @property
    def standing(self) -> Standing:
        """Where it stands."""
        return self._standing

    def start(self, **arguments: Any) -> None:
        """Set out; nothing happens while it is under way.

        Args:
            arguments: the function's keyword arguments, as plain data.
        """
        with self._guard:
            if self._standing.is_running:
                return
            self._unwanted.clear()
            self._standing = Standing(is_running=True, arguments=arguments)
            self._thread = threading.Thread(target=self._run, args=(arguments,), daemon=True, name=self._name)
            self._thread.start()

    def cancel(self) -> None:
        """End it with everything that it started, and wait until that is done."""
        self._unwanted.set()
        if self._thread is not None:
            self._thread.join()

    def forget(self) -> None:
        """Put the last result or error away; nothing happens while it is under way."""
        with self._guard:
            if not self._standing.is_running:
                self._standing = Standing()

    def _run(self, arguments: Mapping[str, Any]) -> None:
        ended: dict[str, Any] = {}
        try:
            with tempfile.TemporaryDirectory(prefix="edgepress-", ignore_cleanup_errors=True) as temporary:
                ended["value"] = self._accompany(Path(temporary), arguments)
        except EdgePressError as exc:
            ended["error"] = exc
        # A thread that dies silently would leave the page waiting.
        except Exception as exc:  # noqa: BLE001
            reason, next_step, detail = words.unexpected(exc)
            ended["error"] = ConversionError(reason, next_step=next_step, detail=detail)
        if self._unwanted.is_set() and "value" not in ended:
            ended = {"was_cancelled": True}
        self._standing = replace(self._standing, is_running=False, **ended)

    def _accompany(self, folder: Path, arguments: Mapping[str, Any]) -> Any:
        process = ask(self._name, arguments, folder, command=self._command)
        try:
            while not process.wait(_POLL) and not self._unwanted.is_set():
                process.look_around()
                self._hear(folder)
        finally:
            process.end()
        return read_answer(folder, process.exit_code(), step=self._standing.message)

    def _hear(self, folder: Path) -> None:
        with suppress(OSError, ValueError, KeyError):  # nothing was said yet
            said = read_json(folder / PROGRESS)
            self._standing = replace(
                self._standing, fraction=share(said["fraction"]), message=Text.from_json(said["message"])
            )

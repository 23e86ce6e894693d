"""Long work in a background thread of the app, with progress and cancellation, independent of the page shown."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from core.common.errors import ConversionError, EdgePressError
from core.common.progress import clamp_fraction
from core.common.text import Text
from core.common.unexpected_errors import describe_unexpected_error

Result = TypeVar("Result")


@dataclass(frozen=True)
class TaskStatus(Generic[Result]):
    """A snapshot of a background task; immutable, so a reader never sees half of a change."""

    is_running: bool = False
    fraction: float = 0.0
    """Share that is done, 0 to 1."""

    message: Text | None = None
    """What is being done."""

    arguments: tuple[Any, ...] = ()
    """What it was started with."""

    result: Result | None = None
    """What the work returned."""

    error: EdgePressError | None = None
    """Why it failed; :class:`~core.common.errors.Cancelled` where the person ended it."""


class BackgroundTask(Generic[Result]):
    """At most one run at a time per object. The work itself belongs in a process of its own; the thread only waits."""

    def __init__(self, work: Callable[..., Result]) -> None:
        """Prepare it; ``work`` takes what :meth:`start` is given, and the keywords ``progress`` and ``cancelled``."""
        self._work = work
        self._mutex = threading.Lock()
        self._cancelled = threading.Event()
        self._thread: threading.Thread | None = None
        self._status: TaskStatus[Result] = TaskStatus()

    @property
    def status(self) -> TaskStatus[Result]:
        """The state now."""
        return self._status

    def start(self, *arguments: Any) -> None:
        """Start the work in a thread; nothing happens while it is running."""
        with self._mutex:
            if self._status.is_running:
                return
            self._cancelled.clear()
            self._status = TaskStatus(is_running=True, arguments=arguments)
            self._thread = threading.Thread(target=self._run, args=arguments, daemon=True, name="background task")
            self._thread.start()

    def cancel(self) -> None:
        """Cancel the run, and wait until it has ended."""
        self._cancelled.set()
        if self._thread is not None:
            self._thread.join()

    def forget(self) -> None:
        """Discard the result of the last run; nothing happens while one is running."""
        with self._mutex:
            if not self._status.is_running:
                self._status = TaskStatus()

    def _run(self, *arguments: Any) -> None:
        result, error = None, None
        try:
            result = self._work(*arguments, progress=self._on_progress, cancelled=self._cancelled.is_set)
        except EdgePressError as exc:
            error = exc
        # A thread that dies silently would leave the page waiting.
        except Exception as exc:  # noqa: BLE001
            reason, next_step, detail = describe_unexpected_error(exc)
            error = ConversionError(reason, next_step=next_step, detail=detail)
        self._status = replace(self._status, is_running=False, result=result, error=error)

    def _on_progress(self, fraction: float, message: Text) -> None:
        self._status = replace(self._status, fraction=clamp_fraction(fraction), message=message)

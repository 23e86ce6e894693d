"""An errand: long work in the background of the app, with progress and a way to end it, whoever looks on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from core.errors import ConversionError, EdgePressError
from core.queue.state import share
from core.text import Text
from core.unexpected import unexpected

Result = TypeVar("Result")


@dataclass(frozen=True)
class Standing(Generic[Result]):
    """One moment of an errand, whole: a reader never sees the half of one."""

    is_running: bool = False
    fraction: float = 0.0
    """Share that is done, 0 to 1."""

    message: Text | None = None
    """What is being done."""

    given: tuple[Any, ...] = ()
    """What it was sent with."""

    result: Result | None = None
    """What came of it."""

    error: EdgePressError | None = None
    """Why it failed; :class:`~core.errors.Cancelled` where the person ended it."""


class Errand(Generic[Result]):
    """At most one at a time for each object. The work itself belongs into a process of its own; this only waits."""

    def __init__(self, work: Callable[..., Result]) -> None:
        """Prepare it; ``work`` takes what :meth:`start` is given, and the keywords ``progress`` and ``cancelled``."""
        self._work = work
        self._guard = threading.Lock()
        self._unwanted = threading.Event()
        self._thread: threading.Thread | None = None
        self._standing: Standing[Result] = Standing()

    @property
    def standing(self) -> Standing[Result]:
        """Where it stands."""
        return self._standing

    def start(self, *given: Any) -> None:
        """Set out; nothing happens while it is under way."""
        with self._guard:
            if self._standing.is_running:
                return
            self._unwanted.clear()
            self._standing = Standing(is_running=True, given=given)
            self._thread = threading.Thread(target=self._run, args=given, daemon=True, name="errand")
            self._thread.start()

    def cancel(self) -> None:
        """End it, and wait until that is done."""
        self._unwanted.set()
        if self._thread is not None:
            self._thread.join()

    def forget(self) -> None:
        """Put away how the last one ended; nothing happens while one is under way."""
        with self._guard:
            if not self._standing.is_running:
                self._standing = Standing()

    def _run(self, *given: Any) -> None:
        result, error = None, None
        try:
            result = self._work(*given, progress=self._hear, cancelled=self._unwanted.is_set)
        except EdgePressError as exc:
            error = exc
        # A thread that dies silently would leave the page waiting.
        except Exception as exc:  # noqa: BLE001
            reason, next_step, detail = unexpected(exc)
            error = ConversionError(reason, next_step=next_step, detail=detail)
        self._standing = replace(self._standing, is_running=False, result=result, error=error)

    def _hear(self, fraction: float, message: Text) -> None:
        self._standing = replace(self._standing, fraction=share(fraction), message=message)

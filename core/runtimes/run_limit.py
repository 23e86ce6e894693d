"""A limit of time and memory for loading or running a model once: a loop in a model may never end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

from core.common.errors import RunLimitError
from core.common.text import say

_LEAST_SECONDS = 120.0
LEAST_BYTES = 1_200_000_000.0
"""Memory that any run may take."""

_POLL_SECONDS = 0.25
_MEMORY_SHARE = 0.95  # of the memory that was free when it began, which it may take
_ESTIMATE_FACTOR = 3.0
_GRACE_SECONDS = 60.0
"""Time to stop in. A single operator that takes hours is not interrupted."""

_seconds = _LEAST_SECONDS
_bytes = LEAST_BYTES
_give_up: Callable[[], None] | None = None


def limit_runs(seconds: float = _LEAST_SECONDS, most_bytes: float = LEAST_BYTES) -> None:
    """Set the time of one run in this process, and the memory that it may take besides what the process has.

    By default two minutes and 1.2 GB; where less memory is free, nearly all of that.
    """
    global _seconds, _bytes
    _seconds, _bytes = seconds, most_bytes


def allow_estimated(seconds: float, memory_bytes: float) -> None:
    """Let one run take what a whole target was estimated to take, and three times the memory, where that is more."""
    limit_runs(max(_LEAST_SECONDS, seconds), max(LEAST_BYTES, _ESTIMATE_FACTOR * memory_bytes))


def end_process_with(give_up: Callable[[], None]) -> None:
    """Say what ends this process where a run does not stop in time; without it, the run goes on."""
    global _give_up
    _give_up = give_up


@contextmanager
def limited(stop: Callable[[], None]) -> Iterator[None]:
    """Limit the time and memory of what runs inside.

    Args:
        stop: asks it to end soon with an exception; called in another thread.

    Raises:
        RunLimitError: it was stopped, and ended with an exception.
    """
    run = _Run(stop, _seconds)
    _watchdog.add(run)
    try:
        yield
    except Exception as exc:
        if run.error is not None:
            raise run.error from exc
        raise
    finally:
        _watchdog.remove(run)


@dataclass(eq=False)
class _Run:
    stop: Callable[[], None]
    seconds: float
    start: float = field(default_factory=time.monotonic)
    most_bytes: int | None = None
    error: RunLimitError | None = None

    def check(self, now: float, process: psutil.Process) -> None:
        """Stop it where it has taken too much."""
        if self.error is not None:
            if now > self.start + self.seconds + _GRACE_SECONDS and _give_up is not None:
                _give_up()
            return
        taken = process.memory_info().rss
        if self.most_bytes is None:
            self.most_bytes = taken + int(min(_bytes, _MEMORY_SHARE * psutil.virtual_memory().available))
        if now > self.start + self.seconds:
            self.error = took_too_long(self.seconds)
        elif taken > self.most_bytes:
            self.error = RunLimitError(
                say("One run of the model takes far more memory than a model of its size should, or than is free."),
                next_step=say("Use a smaller picture size, or a smaller model, or close other programs."),
            )
        if self.error is not None:
            self.stop()


def took_too_long(seconds: float) -> RunLimitError:
    """The error about a run that was stopped."""
    return RunLimitError(
        say("The model did not finish one run in {seconds} s.", seconds=round(seconds)),
        next_step=say("It may hold a loop that never ends. Use another model, or export it again without the loop."),
    )


class _Watchdog:
    """One thread that looks at all runs; it is started with the first one, and sleeps while there is none."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._runs: set[_Run] = set()
        self._thread: threading.Thread | None = None

    def add(self, run: _Run) -> None:
        with self._changed:
            self._runs.add(run)
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, daemon=True, name="run limit")
                self._thread.start()
            if len(self._runs) == 1:
                self._changed.notify()

    def remove(self, run: _Run) -> None:
        with self._changed:
            self._runs.discard(run)

    def _watch(self) -> None:
        process = psutil.Process()
        while True:
            with self._changed:
                while not self._runs:
                    self._changed.wait()
            time.sleep(_POLL_SECONDS)
            with self._changed:
                for run in self._runs:
                    run.check(time.monotonic(), process)


_watchdog = _Watchdog()

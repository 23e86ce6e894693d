"""A process that is kept over many calls: a crash, an abort or a hang in one is its answer, and the next call works."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import psutil

from core.common.errors import ConversionError
from core.common.paths import PROJECT_ROOT
from core.common.text import Text
from core.process import messages
from core.process.error_json import error_from_json
from core.process.worker_process import creation_flags, environment

_POLL_SECONDS = 0.2  # between two looks at a call's time and memory
_MEMORY_SHARE = 0.95  # of the memory that was free when a call began, which it may take
_LOG_TAIL = 4000  # bytes


class HelperProcess:
    """One process that runs one call after another. It is started by the first call, and anew where one ended it.

    Functions and arguments are pickled: functions must be importable by name. What a function keeps in a global
    variable is there in the next call, until the process ends.
    """

    def __init__(
        self,
        modules: Sequence[str] = (),
        *,
        max_bytes: int | None = None,
        ended: Callable[[int | None, str | None, float], tuple[Text, Text]] = messages.helper_ended,
    ) -> None:
        """Prepare it.

        Args:
            modules: imported when the process starts, so that no call waits for them.
            max_bytes: memory that the process may take; by default nearly all that is free.
            ended: reason and next step where it ended in a call, as :func:`core.process.messages.helper_ended`.
        """
        self._ended = ended
        self._modules = tuple(modules)
        self._max_bytes = max_bytes
        self._mutex = threading.Lock()
        self._running: _Running | None = None

    @property
    def pid(self) -> int | None:
        """The process; None where none runs."""
        return None if self._running is None else self._running.pid

    def prepare(self) -> None:
        """Start it, and do not wait for that: the first call then waits less."""
        with self._mutex, suppress(ConversionError):
            self._started()

    def call(self, function: Callable[..., Any], *arguments: Any, seconds: float, max_bytes: int | None = None) -> Any:
        """Call a function in the process, and wait for its result.

        Args:
            function: importable by name.
            arguments: as it takes them.
            seconds: time after which the process is killed.
            max_bytes: memory that it may take in this call; by default as the process was given.

        Raises:
            EdgePressError: what the function raised; another exception becomes a ConversionError.
            ConversionError: the process crashed, took too long or too much memory, or could not be started.
        """
        with self._mutex:
            running = self._started()
            try:
                response = running.exchange((function, arguments), seconds, max_bytes or self._max_bytes)
            except (OSError, EOFError, pickle.UnpicklingError):
                error = running.end(seconds, self._ended)
                self._running = None
                with suppress(OSError):
                    self._running = _Running(self._modules)  # it gets ready while the next call is prepared
                raise error from None
            except BaseException:  # the request could not be pickled: half of it was sent
                self._end()
                raise
        if "error" in response:
            raise error_from_json(response["error"])
        return response["value"]

    def close(self) -> None:
        """End the process; a further call starts another one."""
        with self._mutex:
            self._end()

    def _started(self) -> _Running:
        if self._running is not None and self._running.has_ended:  # between two calls: no fault of the next one
            self._end()
        try:
            self._running = self._running or _Running(self._modules)
        except OSError as exc:
            reason, next_step = messages.not_started()
            raise ConversionError(reason, next_step=next_step, detail=repr(exc)) from exc
        return self._running

    def _end(self) -> None:
        if self._running is not None:
            self._running.end(0.0, self._ended)
            self._running = None


class _Running:
    """A started process with its pipes."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process
        self._stopped: str | None = None
        self._popen = subprocess.Popen(
            [sys.executable, "-m", "core.process.helper_entry", *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=PROJECT_ROOT,
            # Functions are found where this process finds them.
            env={**environment(), "PYTHONPATH": os.pathsep.join(filter(None, (str(PROJECT_ROOT), *sys.path)))},
            creationflags=creation_flags(),
        )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def has_ended(self) -> bool:
        return self._popen.poll() is not None

    def exchange(self, request: Any, seconds: float, max_bytes: int | None) -> Any:
        """Send a request and wait for the response.

        Raises:
            OSError, EOFError, pickle.UnpicklingError: the process ended before it had answered.
        """
        assert self._popen.stdin is not None and self._popen.stdout is not None
        answered = threading.Event()
        watch = threading.Thread(target=self._watch, args=(answered, seconds, max_bytes), daemon=True)
        watch.start()
        try:
            # Unlike dumps, dump writes large arrays and models without another copy of them.
            pickle.dump(request, self._popen.stdin, protocol=5)
            self._popen.stdin.flush()
            response = pickle.load(self._popen.stdout)
        finally:
            answered.set()
            watch.join()
        if self._stopped is not None:  # in the moment of the answer
            raise EOFError
        return response

    def end(
        self, seconds: float, ended: Callable[[int | None, str | None, float], tuple[Text, Text]]
    ) -> ConversionError:
        """Kill it where it still runs, and say why it ended.

        Args:
            seconds: that the last call was given.
            ended: the words.
        """
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(0.0 if not seconds else _POLL_SECONDS)  # its output may close shortly before its end
        killed = self._popen.poll() is None
        self._popen.kill()
        exit_code = self._popen.wait()
        for pipe in (self._popen.stdin, self._popen.stdout):
            with suppress(OSError):  # what was not sent
                assert pipe is not None
                pipe.close()
        reason, next_step = ended(None if killed else exit_code, self._stopped, seconds)
        detail = f"exit code {exit_code}\n{self._log_tail()}".strip()
        self._log.close()
        return ConversionError(reason, next_step=next_step, detail=detail)

    def _watch(self, answered: threading.Event, seconds: float, max_bytes: int | None) -> None:
        """Kill the process when a call takes too long or too much memory."""
        deadline = time.monotonic() + seconds
        with suppress(psutil.Error):  # it ended by itself
            process = psutil.Process(self.pid)
            if max_bytes is None:
                max_bytes = process.memory_info().rss + int(_MEMORY_SHARE * psutil.virtual_memory().available)
            while not answered.wait(max(0.0, min(_POLL_SECONDS, deadline - time.monotonic()))):
                if time.monotonic() >= deadline:
                    self._stopped = "time"
                elif process.memory_info().rss > max_bytes:
                    self._stopped = "memory"
                if self._stopped is not None:
                    self._popen.kill()
                    return

    def _log_tail(self) -> str:
        self._log.seek(max(0, self._log.seek(0, os.SEEK_END) - _LOG_TAIL))
        return self._log.read().decode("utf-8", errors="replace")

"""Worker processes: started apart from their parent, and ended with everything that they started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from core.common.paths import PROJECT_ROOT

_GRACE = 1.0


class WorkerProcess:
    """A running worker. It ends by itself when the pipe to its standard input breaks."""

    def __init__(self, command: Sequence[str], folder: Path, *, log: Path) -> None:
        """Start ``command folder``, which prints into ``log``.

        Raises:
            OSError: the process cannot be started.
        """
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                [*command, str(folder)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=PROJECT_ROOT,  # "python -m" looks here first; a stray onnx.py where the person stands must not win
                env=_environment(),
                start_new_session=sys.platform != "win32",
                creationflags=_creation_flags(),
            )
        self._descendants: set[psutil.Process] = set()

    @property
    def pid(self) -> int:
        """The process that was started."""
        return self._popen.pid

    def exit_code(self) -> int | None:
        """None while it runs; minus the signal's number where a signal ended it."""
        return self._popen.poll()

    def wait(self, seconds: float) -> bool:
        """Wait for its end, and tell whether it came."""
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(seconds)
        return self._popen.returncode is not None

    def look_around(self) -> None:
        """Remember its children: once it is dead, the system no longer knows whose they were."""
        self._descendants |= descendants(self.pid)

    def end(self) -> None:
        """End it and everything that it started; safe to call when it is already gone."""
        self.look_around()
        with suppress(OSError):
            self._popen.kill()
        _kill_group(self.pid)
        _kill(self._descendants)
        self.wait(_GRACE)
        if self._popen.stdin is not None:
            with suppress(OSError):
                self._popen.stdin.close()


def end_orphan(pid: int, folder: Path) -> None:
    """End a worker whose parent died, if it is not gone yet and the number is not another program's by now."""
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        if str(folder) in process.cmdline():
            family = descendants(pid) | {process}
            _kill_group(pid)
            _kill(family)


def descendants(pid: int) -> set[psutil.Process]:
    """The children of a process, and theirs."""
    try:
        return set(psutil.Process(pid).children(recursive=True))
    except psutil.Error:
        return set()


def _kill(processes: set[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.Error):
            process.kill()
    deadline = time.monotonic() + _GRACE
    while any(_lives(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(0.01)


def _lives(process: psutil.Process) -> bool:
    """Whether it can still do anything; an orphan that nobody reaps is dead all the same."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _kill_group(pid: int) -> None:
    """End the process group that a worker leads; Windows has no such thing."""
    if sys.platform != "win32":
        with suppress(OSError):
            os.killpg(pid, signal.SIGKILL)


def _creation_flags() -> int:
    # Its own group keeps Ctrl-C for the parent to handle; without a window, none flashes up.
    if sys.platform == "win32":
        return subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    return 0


def _environment() -> dict[str, str]:
    paths = [str(PROJECT_ROOT), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "OMP_WAIT_POLICY": "passive",  # waiting threads otherwise spin, and the app stutters
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",  # what was printed before a crash must be in the log
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }

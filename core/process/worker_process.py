"""Worker processes: started in a session of their own, and ended together with all their descendants."""

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

_END_TIMEOUT = 1.0  # seconds that the system gets to remove killed processes
_LOG_TAIL = 4000  # bytes


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
                cwd=PROJECT_ROOT,  # "python -m" looks here first: not in a folder that holds another onnx.py
                env=environment(),
                start_new_session=sys.platform != "win32",
                creationflags=creation_flags(),
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
        """Wait for its end at most this long; whether it has ended."""
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(seconds)
        return self._popen.returncode is not None

    def record_descendants(self) -> None:
        """Remember its descendants: once it is dead, the system no longer knows whose they were."""
        self._descendants |= descendants(self.pid)

    def end(self) -> None:
        """Kill it and everything that it started; safe to call when it is already gone."""
        self.record_descendants()
        with suppress(OSError):
            self._popen.kill()
        _kill_group(self.pid)
        _kill(self._descendants)
        self.wait(_END_TIMEOUT)
        if self._popen.stdin is not None:
            with suppress(OSError):
                self._popen.stdin.close()


def end_orphan(pid: int, folder: Path) -> None:
    """Kill a worker whose parent died, unless its process id belongs to another program by now."""
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        if str(folder) in process.cmdline():
            processes = descendants(pid) | {process}
            _kill_group(pid)
            _kill(processes)


def log_tail(log: Path) -> str:
    """The end of a worker's log, which is where a crash shows; empty where there is none."""
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _LOG_TAIL))
            return file.read().decode("utf-8", errors="replace").strip()
    except OSError:
        return ""


def descendants(pid: int) -> set[psutil.Process]:
    """The children of a process, and theirs, and so on."""
    try:
        return set(psutil.Process(pid).children(recursive=True))
    except psutil.Error:
        return set()


def _kill(processes: set[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.Error):
            process.kill()
    deadline = time.monotonic() + _END_TIMEOUT
    while any(_is_alive(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(0.01)


def _is_alive(process: psutil.Process) -> bool:
    """Whether it still runs; a zombie, which nobody has reaped yet, does not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _kill_group(pid: int) -> None:
    """Kill the process group that a worker leads; Windows has no process groups of this kind."""
    if sys.platform != "win32":
        with suppress(OSError):
            os.killpg(pid, signal.SIGKILL)


def creation_flags() -> int:
    """How Windows starts a worker; 0 elsewhere."""
    # Its own group keeps Ctrl-C for the parent to handle; without a window, none flashes up.
    if sys.platform == "win32":
        return subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    return 0


def environment() -> dict[str, str]:
    """The environment variables of a worker."""
    paths = [str(PROJECT_ROOT), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "OMP_WAIT_POLICY": "passive",  # waiting threads otherwise spin, and the app stutters
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",  # what was printed before a crash must be in the log
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }

"""The app's server process: start it, wait until it responds, and stop it."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from pathlib import Path

from core.common.errors import ToolError
from core.common.text import Text, say
from core.setup import access
from core.setup.instance import HOST, ServerAddress

_START_SECONDS = 120.0
_STOP_SECONDS = 8.0
_DETAIL_LINES = 15


class Server:
    """A running app, which writes its log to a file."""

    def __init__(self, process: subprocess.Popen[bytes], address: ServerAddress, log: Path) -> None:
        self._process = process
        self.address = address
        self.log = log

    def wait_until_up(self, stop: threading.Event) -> None:
        """Return as soon as the app responds, or ``stop`` is set.

        Raises:
            ToolError: it ended at once, or did not respond in two minutes.
        """
        deadline = time.monotonic() + _START_SECONDS
        while not stop.is_set() and not self.address.responds():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise self._ended(say("EdgePress did not start."))
            time.sleep(0.05)

    def wait_until_down(self, stop: threading.Event) -> None:
        """Wait as long as the app runs and ``stop`` is not set.

        Raises:
            ToolError: the app ended by itself.
        """
        while not stop.is_set():
            if self._process.poll() is not None:
                raise self._ended(say("EdgePress ended unexpectedly."))
            time.sleep(0.2)  # signal handlers run between two sleeps on every system; wait() delays them on Windows

    def stop(self) -> None:
        """Terminate it, and kill it after some seconds."""
        if os.name == "posix":  # on Windows terminate() is a kill; there the app has received the Ctrl-C already
            self._process.terminate()
        try:
            self._process.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _ended(self, reason: Text) -> ToolError:
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return ToolError(
            reason,
            next_step=say("Please start it again. The whole log is in {file}", file=str(self.log)),
            detail="\n".join(lines[-_DETAIL_LINES:]),
        )


def start(python: Path, root: Path, *, address: ServerAddress, log: Path, handles: tuple[int, ...] = ()) -> Server:
    """Start the app of one copy of EdgePress.

    Args:
        python: interpreter of its environment.
        root: the copy, with its ``app.py``.
        address: where to listen, and the token to ask for.
        log: file for everything that it prints; an earlier one is replaced.
        handles: open files to inherit (not on Windows).
    """
    command = [str(python), "-m", "streamlit", "run", "app.py"]
    command += ["--server.port", str(address.port), "--server.address", HOST]
    command += ["--server.headless", "true", "--browser.gatherUsageStats", "false"]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **access.variables(address.token), "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"},
            pass_fds=handles,
        )
    return Server(process, address, log)

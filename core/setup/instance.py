"""One running EdgePress per copy: a lock that dies with its owner, and a note of where it answers."""

from __future__ import annotations

import hashlib
import os
import socket
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from core.common.errors import OptionError, ToolError
from core.common.json_files import read_json, write_json
from core.common.text import say

ADDRESS = "127.0.0.1"
"""Only this computer can reach EdgePress."""

_FIRST_PORT = 8510
_PORTS_TO_TRY = 20


@dataclass(frozen=True)
class ServerAddress:
    """Where a running EdgePress answers."""

    port: int
    pid: int
    """Process of the launcher that owns it."""

    @property
    def url(self) -> str:
        """The address for the browser."""
        return f"http://{ADDRESS}:{self.port}"

    def answers(self) -> bool:
        """Whether the app is up; proxies are bypassed, since this never leaves the computer."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"{self.url}/_stcore/health", timeout=2) as response:
                return bool(response.read(16).strip() == b"ok")
        except (OSError, urllib.error.URLError, ValueError):
            return False


class Instance:
    """The right to run this copy of EdgePress, held by at most one launcher.

    The lock is the operating system's, so it is gone as soon as its owner is, however it ended; a process id
    alone could by then belong to another program, and an answering port to another app.
    """

    def __init__(self, root: Path, home: Path) -> None:
        name = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:12]
        self._lock_path = home / f"instance-{name}.lock"
        self._note_path = home / f"instance-{name}.json"
        self._lock: IO[bytes] | None = None

    def take(self) -> bool:
        """Take the lock.

        Returns:
            Whether this launcher now owns the instance; False while another one does.

        Raises:
            ToolError: the data folder cannot be written.
        """
        try:
            self._lock_path.parent.mkdir(parents=True, exist_ok=True)
            handle = self._lock_path.open("ab")
        except OSError as error:
            raise _home_not_writable(self._lock_path.parent, error) from error
        if not _lock(handle):
            handle.close()
            return False
        self._lock = handle
        self._note_path.unlink(missing_ok=True)
        return True

    def release(self) -> None:
        """Give the lock back and forget the note."""
        if self._lock is not None:
            self._note_path.unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    def handles(self) -> tuple[int, ...]:
        """What the server inherits, so that a launcher that was killed leaves it findable (not on Windows)."""
        return (self._lock.fileno(),) if self._lock is not None and os.name == "posix" else ()

    def announce(self, place: ServerAddress) -> None:
        """Leave a note of where this instance answers."""
        write_json(self._note_path, {"port": place.port, "pid": place.pid})

    def find(self, *, patience: float) -> ServerAddress | None:
        """Wait for the other launcher's app to answer.

        Args:
            patience: seconds to wait at most; it may just be starting.

        Returns:
            Where it answers, or None if it did not in that time.
        """
        deadline = time.monotonic() + patience
        while True:
            place = self._noted()
            if place is not None and place.answers():
                return place
            if time.monotonic() >= deadline:
                return None
            time.sleep(0.2)

    def _noted(self) -> ServerAddress | None:
        try:
            note = read_json(self._note_path)
            return ServerAddress(port=int(note["port"]), pid=int(note["pid"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None


def choose_port(wanted: int | None) -> int:
    """A port on this computer that nobody uses.

    Args:
        wanted: the person's choice; None tries the usual ones first, so that an open browser tab finds the app again.

    Raises:
        OptionError: the person's choice is taken or is no port.
    """
    if wanted is not None:
        if not (1 <= wanted <= 65535 and _is_free(wanted)):
            raise OptionError(
                say("Port {port} cannot be used: another program has it, or it is no valid port.", port=wanted),
                next_step=say("Leave --port out, and EdgePress finds a free one by itself."),
            )
        return wanted
    usual = next((port for port in range(_FIRST_PORT, _FIRST_PORT + _PORTS_TO_TRY) if _is_free(port)), None)
    return usual or _any_free_port()


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if os.name == "posix":  # else a port counts as taken for a minute after its last use
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError:
            return False
    return True


def _any_free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])


def _lock(handle: IO[bytes]) -> bool:
    if sys.platform == "win32":
        import msvcrt

        handle.seek(0)
        try:
            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a network folder without locks: starting twice is better than not at all
    return True


def _home_not_writable(folder: Path, error: OSError) -> ToolError:
    return ToolError(
        say("EdgePress cannot write into its data folder: {folder}", folder=str(folder)),
        next_step=say("Make that folder writable, or name another one in the environment variable EDGEPRESS_HOME."),
        detail=str(error),
    )

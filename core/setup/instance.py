"""One running EdgePress per copy: a lock that is released with its process, and a file with the app's address."""

from __future__ import annotations

import hashlib
import os
import socket
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

from core.common.errors import OptionError, ToolError
from core.common.file_lock import FileLock
from core.common.json_files import read_json, write_json
from core.common.paths import make_private
from core.common.text import say
from core.setup import access

HOST = "127.0.0.1"
"""Only this computer can reach EdgePress."""

_FIRST_PORT = 8510
_PORTS_TO_TRY = 20


@dataclass(frozen=True)
class ServerAddress:
    """The address of a running app."""

    port: int
    pid: int
    """Process id of the launcher that started it."""
    token: str | None = None
    """What the app asks for; None where it asks for nothing."""

    @property
    def base(self) -> str:
        """Where the app listens."""
        return f"http://{HOST}:{self.port}"

    @property
    def url(self) -> str:
        """What opens the app, for the person to read."""
        return self._with_token(self.token)

    def url_for_one_opening(self) -> str:
        """What opens the app once, for the browser's command line."""
        return self._with_token(self.token and access.ticket(self.token))

    def _with_token(self, token: str | None) -> str:
        return f"{self.base}/?token={quote(token, safe='')}" if token else self.base

    def responds(self) -> bool:
        """Whether the app responds to Streamlit's health check; proxies are bypassed."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"{self.base}/_stcore/health", timeout=2) as response:
                return bool(response.read(16).strip() == b"ok")
        except (OSError, urllib.error.URLError, ValueError):
            return False


class Instance:
    """The right to run this copy of EdgePress, held by at most one launcher.

    The lock is the operating system's, so it is released when its process ends, however it ended. A process id
    could by then belong to another program, and an open port to another app.
    """

    def __init__(self, root: Path, home: Path) -> None:
        name = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:12]
        self._home = home
        self._address_file = home / f"instance-{name}.json"
        # Where a network folder has no locks, starting twice is better than not starting at all.
        self._lock = FileLock(home / f"instance-{name}.lock", is_required=False)

    def acquire(self) -> bool:
        """Take the lock if it is free.

        Returns:
            Whether this launcher now owns the instance; False while another one does.

        Raises:
            ToolError: the data folder cannot be written.
        """
        try:
            make_private(self._home)
            acquired = self._lock.acquire()
        except OSError as error:
            raise _home_not_writable(self._home, error) from error
        if acquired:
            self._address_file.unlink(missing_ok=True)
        return acquired

    def release(self) -> None:
        """Release the lock and delete the address file."""
        if self._lock.handle is not None:
            self._address_file.unlink(missing_ok=True)
            self._lock.release()

    def inheritable_handles(self) -> tuple[int, ...]:
        """File handles for the server to inherit: it holds the lock on if the launcher is killed (not on Windows)."""
        handle = self._lock.handle
        return (handle,) if handle is not None and os.name == "posix" else ()

    def write_address(self, address: ServerAddress) -> None:
        """Write the address of this instance's app, for other launchers of this account to find."""
        write_json(self._address_file, asdict(address), is_private=True)

    def find(self, *, timeout: float) -> ServerAddress | None:
        """Wait for the app of the launcher that holds the lock.

        Args:
            timeout: seconds to wait at most; the app may just be starting.

        Returns:
            Its address, or None if it did not respond in that time.
        """
        deadline = time.monotonic() + timeout
        while True:
            address = self._read_address()
            if address is not None and address.responds():
                return address
            if time.monotonic() >= deadline:
                return None
            time.sleep(0.2)

    def _read_address(self) -> ServerAddress | None:
        try:
            written = read_json(self._address_file)
            token = written.get("token")
            return ServerAddress(int(written["port"]), int(written["pid"]), None if token is None else str(token))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None


def choose_port(wanted: int | None) -> int:
    """A free port of this computer.

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
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _any_free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _home_not_writable(folder: Path, error: OSError) -> ToolError:
    return ToolError(
        say("EdgePress cannot write into its data folder: {folder}", folder=str(folder)),
        next_step=say("Make that folder writable, or name another one in the environment variable EDGEPRESS_HOME."),
        detail=str(error),
    )

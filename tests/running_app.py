"""A real server of the app, for tests that need one."""

from __future__ import annotations

import os
import secrets
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.setup.instance import HOST, ServerAddress
from core.setup.server import start

ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def running_app(log: Path) -> Iterator[ServerAddress]:
    """Start the app as start.py does, on a free port with a new token; ``url`` of the address opens it."""
    address = ServerAddress(_free_port(), os.getpid(), secrets.token_urlsafe(32))
    server = start(Path(sys.executable), ROOT, address=address, log=log)
    try:
        server.wait_until_up(threading.Event())
        yield address
    finally:
        server.stop()


def _free_port() -> int:
    with socket.socket() as asked:
        asked.bind((HOST, 0))
        port: int = asked.getsockname()[1]
        return port

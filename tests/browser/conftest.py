import json
import os
import shutil
import socket
import sys
from pathlib import Path

import pytest

from core.queue.store import JobStore
from core.setup.instance import HOST, ServerAddress
from core.setup.server import start

ROOT = Path(__file__).resolve().parents[2]
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def free_port() -> int:
    with socket.socket() as asked:
        asked.bind((HOST, 0))
        return asked.getsockname()[1]


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args, browser_type):
    """The system's Chromium, or Playwright's own; without either these tests cannot run."""
    own = Path(browser_type.executable_path)
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None and not own.is_file():
        stop = pytest.fail if os.environ.get("EDGEPRESS_REQUIRE_BROWSER") == "1" else pytest.skip
        stop("Chromium is not installed.")
    # Chromium's sandbox refuses to be used by root, as which containers run.
    is_root = sys.platform != "win32" and os.geteuid() == 0
    flags = [*FLAGS, "--no-sandbox"] if is_root else list(FLAGS)
    return {**browser_type_launch_args, "args": flags, **({"executable_path": found} if found else {})}


@pytest.fixture
def app(tmp_path, monkeypatch):
    """A server of its own for each test, with an empty home: no test sees the jobs of another."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "settings.json").write_text(json.dumps({"language": "en"}), encoding="utf-8")
    monkeypatch.setenv("EDGEPRESS_HOME", str(home))
    server = start(
        Path(sys.executable), ROOT, address=ServerAddress(free_port(), os.getpid()), log=tmp_path / "app.log"
    )
    try:
        server.wait_until_up()
        yield server.address.url
    finally:
        server.stop()


@pytest.fixture
def store(app) -> JobStore:
    return JobStore(Path(os.environ["EDGEPRESS_HOME"]))


@pytest.fixture
def outside(page):
    """Addresses that the page asked for and that are not on this computer; filled while the test runs."""
    found: list[str] = []

    def note(request) -> None:
        here = (f"http://{HOST}:", "http://localhost:", "data:", "blob:", "about:")
        if not request.url.startswith(here):
            found.append(request.url)

    page.context.on("request", note)
    return found

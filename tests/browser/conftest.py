import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from core.queue.store import JobStore
from core.setup.instance import HOST
from running_app import running_app

FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


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
def running(tmp_path, monkeypatch):
    """The address of a server of its own for each test, with an empty home: no test sees the jobs of another."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "settings.json").write_text(json.dumps({"language": "en"}), encoding="utf-8")
    monkeypatch.setenv("EDGEPRESS_HOME", str(home))
    with running_app(tmp_path / "app.log") as address:
        yield address


@pytest.fixture
def app(running, context):
    """The app's address, in a browser that was let in; what its content policy stops fails the test."""
    blocked: list[str] = []
    context.on("console", lambda line: blocked.append(line.text) if "Content Security Policy" in line.text else None)
    context.request.get(running.url)  # shares its cookies with the pages
    yield running.base
    assert blocked == []


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

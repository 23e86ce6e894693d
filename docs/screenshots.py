"""Take the screenshots of the pages that the documentation shows.

    python docs/screenshots.py [PAGE ...]
    python docs/screenshots.py --job detector=JOB_FOLDER --job pose=JOB_FOLDER

Converts the bundled sample in a home of its own, opens every page in Chromium, in both languages and both colour
schemes, and writes ``docs/screenshots/<page>-<language>-<scheme>.png``. The page From PyTorch is shown with its list of
configs where the environment for it exists (``python tools/env_config.py --openmmlab``).

With ``--job`` the answer and the pictures of finished jobs are shown instead, as ``<name>-<language>-light.png``: those
of models that are not part of EdgePress.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.common.text import LANGUAGES
from core.queue.store import JobStore
from core.queue.supervisor import run_in_foreground
from core.setup import openmmlab
from core.setup.instance import HOST, ServerAddress
from core.setup.server import start
from pages.parts.convert.sample import sample_job

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parent.parent

PAGES = {
    "convert": "",
    "pytorch": "pytorch",
    "results": "results",
    "graph": "graph",
    "jobs": "jobs",
    "toolbox": "toolbox",
}
"""Name of the screenshot -> address of the page."""

WIDTH, LEAST_HEIGHT, MOST_HEIGHT = 1440, 900, 2600
MOST_BYTES = 250_000
GAP = 24
FLAGS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"]


def main() -> None:
    """Take all screenshots, or those of some pages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="*", metavar="PAGE", help=f"only these: {', '.join(PAGES)}")
    parser.add_argument(
        "--job",
        dest="jobs",
        action="append",
        default=[],
        metavar="NAME=FOLDER",
        help="only the results of this finished job; may be given several times",
    )
    options = parser.parse_args()
    folder = ROOT / "docs" / "screenshots"
    folder.mkdir(exist_ok=True)
    with _home() as home:
        if openmmlab.is_ready():
            (home / "openmmlab").symlink_to(openmmlab.folder())
        os.environ.pop("EDGEPRESS_OPENMMLAB", None)
        os.environ["EDGEPRESS_HOME"] = str(home)
        shots = _shots_of_jobs(home, options.jobs) or _shots_of_sample(home, options.pages or list(PAGES))
        server = start(
            Path(sys.executable), ROOT, address=ServerAddress(_free_port(), os.getpid()), log=home / "app.log"
        )
        try:
            server.wait_until_up(threading.Event())
            _take_all(server.address.url, home, folder, shots)
        finally:
            server.stop()


@contextmanager
def _home() -> Iterator[Path]:
    """A home for the app that is gone afterwards; pages show its path, so it has the same name every time."""
    home = Path(tempfile.gettempdir()) / ".edgepress"
    home.mkdir()  # raises where it exists: then it is not ours to remove
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


@dataclass(frozen=True)
class Shot:
    """One page to be taken."""

    name: str
    path: str
    schemes: Sequence[str]
    parts: Sequence[str] = ()
    """Selectors of the parts that are shown below each other; none: the whole page."""


def _shots_of_sample(home: Path, pages: Sequence[str]) -> list[Shot]:
    job_id, _ = run_in_foreground(JobStore(home), sample_job(), lambda _: None)
    queries = {"results": f"?job={job_id}", "graph": f"?job={job_id}"}
    return [Shot(name, PAGES[name] + queries.get(name, ""), ("light", "dark")) for name in pages]


def _shots_of_jobs(home: Path, jobs: Sequence[str]) -> list[Shot]:
    shots = []
    for name, _, folder in (job.partition("=") for job in jobs):
        copy = home / "jobs" / Path(folder).name
        shutil.copytree(folder, copy)
        shots.append(Shot(name, f"results?job={copy.name}", ("light",), (".st-key-answer", ".viewer")))
    return shots


def _take_all(address: str, home: Path, folder: Path, shots: Sequence[Shot]) -> None:
    from playwright.sync_api import sync_playwright

    is_root = sys.platform != "win32" and os.geteuid() == 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=[*FLAGS, "--no-sandbox"] if is_root else FLAGS
        )
        for language, shot in product(LANGUAGES, shots):
            (home / "settings.json").write_text(json.dumps({"language": language}), encoding="utf-8")
            for scheme in shot.schemes:
                screenshot = _take(browser, f"{address}/{shot.path}", scheme=scheme, parts=shot.parts)
                (folder / f"{shot.name}-{language}-{scheme}.png").write_bytes(_small(screenshot))
        browser.close()


def _take(browser: Browser, address: str, *, scheme: str, parts: Sequence[str]) -> bytes:
    """One page in a visit of its own, as high as its content, or parts of it."""
    context = browser.new_context(color_scheme=scheme, viewport={"width": WIDTH, "height": LEAST_HEIGHT})
    page = context.new_page()
    page.goto(address)
    _settle(page)
    height = page.get_by_test_id("stMain").evaluate("element => element.scrollHeight")
    page.set_viewport_size({"width": WIDTH, "height": min(max(height, LEAST_HEIGHT), MOST_HEIGHT)})
    _settle(page)
    screenshot = _stacked([page.locator(part).first.screenshot() for part in parts]) if parts else page.screenshot()
    context.close()
    return screenshot


def _stacked(screenshots: Sequence[bytes]) -> bytes:
    images = [Image.open(BytesIO(one)).convert("RGB") for one in screenshots]
    size = max(image.width for image in images) + 2 * GAP, sum(image.height + GAP for image in images) + GAP
    page = Image.new("RGB", size, images[0].getpixel((0, 0)))
    top = GAP
    for image in images:
        page.paste(image, (GAP, top))
        top += image.height + GAP
    out = BytesIO()
    page.save(out, "PNG")
    return out.getvalue()


def _settle(page: Page) -> None:
    """Wait until the script has run, the graphs are drawn and nothing moves any more."""
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for(timeout=60_000)
    page.locator("h1, h2").first.wait_for(timeout=60_000)
    for index in range(page.locator("iframe").count()):
        graph = page.frame_locator(f"iframe >> nth={index}")
        graph.locator("svg g.node").first.wait_for(timeout=60_000)
    page.wait_for_timeout(1500)  # charts and tables fade in


def _small(png: bytes) -> bytes:
    """The same screenshot with as many colours as the limit allows."""
    image = Image.open(BytesIO(png)).convert("RGB")
    written = b""
    for colours in (256, 128, 64, 32):
        out = BytesIO()
        image.quantize(colours, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
        written = out.getvalue()
        if len(written) < MOST_BYTES:
            break
    return written


def _free_port() -> int:
    with socket.socket() as asked:
        asked.bind((HOST, 0))
        return int(asked.getsockname()[1])


if __name__ == "__main__":
    main()

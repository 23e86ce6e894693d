"""How fast the Results page is with many pictures: the time until it is painted, and until each change is seen.

    python benchmarks/results_page.py [JOB_FOLDER ...] --pictures 400 --table docs/results-page.md

A finished job (by default the bundled sample, converted with all targets) is copied into a home of its own, and its
stored pictures are multiplied, each copy a file of its own. Then a server is started, and Chromium opens the page and
clicks. Times are taken in the browser: from the navigation, or from the event of the click or key, to the frame in
which everything that is seen has been drawn, all images decoded. Medians over the runs, with the largest.
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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.common.json_files import read_json, write_json
from core.queue.store import JobStore
from core.queue.supervisor import run_in_foreground
from core.setup.instance import HOST, ServerAddress
from core.setup.server import start
from pages.parts.convert.sample import sample_job

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parent.parent
FLAGS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"]

_INTRODUCTION = """# How fast the Results page is

Written by `benchmarks/results_page.py`: finished jobs whose stored pictures were multiplied, opened in Chromium on the
same computer. From the navigation, or from the click or key, to the frame in which everything that is seen is drawn,
all images decoded. Medians in milliseconds, with the largest in brackets. In the first visit the browser has nothing
of the app in its cache; in the others it has.
"""

_HEADINGS = {
    "first": "first visit: the answer is painted",
    "answer": "later visits: the answer is painted",
    "picture": "later visits: the first picture is drawn",
    "file": "another file on the right",
    "all": "all pictures instead of those that changed",
    "changed": "those that changed instead of all",
    "score": "one step of the threshold",
    "class": "only one class",
    "next": "the next picture",
}

# Streamlit's components live in shadow roots, which selectors of the document do not enter.
_WATCH = """
window.pressed = 0;
for (const kind of ["pointerdown", "click", "keydown"])
  window.addEventListener(kind, () => { window.pressed = performance.now(); }, true);
window.viewer = () => [...document.querySelectorAll("[data-testid=stBidiComponentIsolated]")]
  .map((host) => host.shadowRoot && host.shadowRoot.querySelector(".viewer")).find(Boolean);
window.drawn = () => {
  const found = window.viewer();
  if (!found) return "";
  const empty = found.querySelector(".empty");
  if (empty) return empty.textContent;
  const images = [...found.querySelectorAll(".frame img")];
  if (!images.length || !images.every((image) => image.complete && image.naturalWidth)) return "";
  const titles = [...found.querySelectorAll(".side .title")].map((title) => title.textContent);
  return [found.querySelector(".count")?.textContent, ...titles, ...images.map((image) => image.src)].join("|");
};
window.until = (test) => new Promise((resolve, reject) => {
  setTimeout(() => reject(new Error("Nothing was drawn.")), 30000);
  const look = () => (test() ? resolve(performance.now()) : requestAnimationFrame(look));
  look();
});
"""


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("jobs", nargs="*", type=Path, help="folders of finished jobs; default: the bundled sample")
    parser.add_argument("--pictures", type=int, default=400)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        os.environ["EDGEPRESS_HOME"] = str(home)
        home.mkdir()
        (home / "settings.json").write_text(json.dumps({"language": "en"}), encoding="utf-8")
        store = JobStore(home)
        names = {_prepared(store, job, options.pictures): _name(job) for job in options.jobs or [None]}
        with _server(home) as address:
            rows = {names[job_id]: _measure(address, job_id, options.runs) for job_id in names}
    text = _document(rows, options.pictures)
    print(text)
    if options.table is not None:
        options.table.write_text(text, encoding="utf-8")


def _prepared(store: JobStore, job: Path | None, count: int) -> str:
    """A job in the store with so many pictures; its id."""
    if job is None:
        job_id, state = run_in_foreground(store, sample_job(), lambda _: None)
        assert state.status == "done", state
        folder = store.folder(job_id)
    else:
        job_id = job.name
        folder = store.root / "jobs" / job_id
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(job, folder)
    _multiply(folder, count)
    return job_id


def _name(job: Path | None) -> str:
    return "sample" if job is None else Path(read_json(job / "job.json")["source"]).stem


def _multiply(folder: Path, count: int) -> None:
    gallery = read_json(folder / "gallery.json")
    entries: list[dict[str, Any]] = []
    for number in range(count):
        entry = gallery["entries"][number % len(gallery["entries"])]
        picture = f"copy-{number:05d}.jpg"
        shutil.copyfile(folder / "gallery" / entry["picture"], folder / "gallery" / picture)
        entries.append({**entry, "picture": picture, "file": f"{number:05d}-{Path(entry['file']).name}"})
    write_json(folder / "gallery.json", {**gallery, "entries": entries})


@contextmanager
def _server(home: Path) -> Iterator[str]:
    with socket.socket() as asked:
        asked.bind((HOST, 0))
        port = int(asked.getsockname()[1])
    server = start(Path(sys.executable), ROOT, address=ServerAddress(port, os.getpid()), log=home / "app.log")
    try:
        server.wait_until_up(threading.Event())
        yield server.address.url
    finally:
        server.stop()


def _measure(address: str, job_id: str, runs: int) -> Mapping[str, Sequence[float]]:
    from playwright.sync_api import sync_playwright

    is_root = sys.platform != "win32" and os.geteuid() == 0
    found: dict[str, list[float]] = {name: [] for name in _HEADINGS}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=[*FLAGS, "--no-sandbox"] if is_root else FLAGS
        )
        for _ in range(runs):
            _visit(browser, f"{address}/results?job={job_id}", found)
        browser.close()
    return found


def _visit(browser: Browser, address: str, found: Mapping[str, list[float]]) -> None:
    """Once with an empty cache, once with the one that this has left; then all the clicks."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    page = context.new_page()
    page.add_init_script(_WATCH)
    page.set_default_timeout(20000)
    found["first"].append(_open(page, address))
    page.evaluate("until(drawn)")
    found["answer"].append(_open(page, address))
    found["picture"].append(page.evaluate("until(drawn)"))
    page.locator(".viewer .stage").scroll_into_view_if_needed()
    _settle(page)
    for name, act in _ACTIONS.items():
        if name == "class":  # of few pictures that changed, all may be of one class
            _choose("All pictures")(page)
            _settle(page)
        time = _timed(page, act)
        if time is not None:
            found[name].append(time)
    context.close()


def _open(page: Page, address: str) -> float:
    page.goto(address, wait_until="commit")
    return float(page.evaluate("until(() => document.querySelector('.st-key-answer p'))"))


def _timed(page: Page, act: Callable[[Page], bool]) -> float | None:
    """From the last click or key of an action to the frame in which something else is drawn, all of it."""
    before = page.evaluate("drawn()")
    page.evaluate("before => { window.end = until(() => drawn() && drawn() !== before); }", before)
    if not act(page):
        return None
    time = float(page.evaluate("window.end.then((end) => end - window.pressed)"))
    _settle(page)
    return time


def _settle(page: Page) -> None:
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()
    page.wait_for_timeout(500)


def _choose_file(page: Page) -> bool:
    button = page.locator("[class*='st-key-gallery-target']").get_by_role("button", name="Open")
    button.scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    button.click()
    page.get_by_role("option").first.wait_for()
    shown = page.locator("[class*='st-key-gallery-target'] input").input_value()
    others = [one for one in page.get_by_role("option").all() if one.inner_text() not in ("Original", shown)]
    others[-1].click()
    return True


def _choose(label: str) -> Callable[[Page], bool]:
    def act(page: Page) -> bool:
        button = page.locator("[class*='st-key-gallery-filter'] button").filter(has_text=label)
        if button.get_attribute("aria-checked") == "true" or "(0)" in button.inner_text():
            return False
        button.click()
        return True

    return act


def _move_threshold(page: Page) -> bool:
    slider = page.locator("[class*='st-key-gallery-score']").get_by_role("slider")
    if not slider.count():
        return False
    slider.first.focus()
    page.keyboard.press("ArrowLeft")
    return True


def _choose_class(page: Page) -> bool:
    field = page.locator("[class*='st-key-gallery-classes'] input")
    if not field.count():
        return False
    field.first.click()
    page.get_by_role("option").first.wait_for()
    page.get_by_role("option").all()[-1].click()  # the first one may be "Select all"
    return True


def _next(page: Page) -> bool:
    page.locator(".viewer").first.focus()
    page.keyboard.press("ArrowRight")
    return True


_ACTIONS: Mapping[str, Callable[[Page], bool]] = {
    "file": _choose_file,
    "all": _choose("All pictures"),
    "next": _next,
    "changed": _choose("Different answers"),
    "score": _move_threshold,
    "class": _choose_class,
}


def _document(rows: Mapping[str, Mapping[str, Sequence[float]]], pictures: int) -> str:
    about = f"{pictures} pictures; {os.cpu_count()} processors"
    if hasattr(os, "getloadavg"):
        about += f", on which {os.getloadavg()[1]:.1f} processes ran or waited on average, those of other programs too"
    lines = [_INTRODUCTION, f"{about}.", ""]
    lines += [f"| | {' | '.join(rows)} |", "|---" * (len(rows) + 1) + "|"]
    for name, heading in _HEADINGS.items():
        cells = [_cell(row[name]) for row in rows.values()]
        lines.append(f"| {heading} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(times: Sequence[float]) -> str:
    return f"{median(times):.0f} ({max(times):.0f})" if times else "–"


if __name__ == "__main__":
    main()

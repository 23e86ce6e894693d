"""Names of a stranger's model on every page: no link, no request, no picture, no icon, but the text itself."""

import csv

import onnx
import pytest
from playwright.sync_api import expect

from core.job.job import Job
from core.queue.state import JobState
from core.runner import run_job
from small import PREPROCESSING, conv_net, pictures

pytestmark = pytest.mark.browser

CLASSES = (
    "see http://evil.example/a?b=1 and HTTPS://evil.example",
    "www.evil.example <img src=//evil.example/x.png onerror=alert(1)>",
    "me@evil.example mailto:me@evil.example",
    "![a](http://evil.example/m.png) [b](http://evil.example) <http://evil.example> [c]: http://evil.example",
    ":material/home: :smile: :red[r] :streamlit: $x^2$ a -> b <- c -- d >= `e` **f** :help[http://evil.example]",
)
MODEL = "www.evil.example me@evil.example $x$ [a](b) __c__ d -- e.onnx"
FOLDER = "www.evil.example $y$"
MARKED_UP = "a[href*='evil'], img[src*='evil'], iframe[src*='evil'], script[src*='evil'], .katex"


@pytest.fixture
def model(tmp_path):
    path = conv_net(tmp_path / FOLDER / MODEL)
    loaded = onnx.load(str(path))
    onnx.helper.set_model_props(loaded, {"names": repr(dict(enumerate(CLASSES))), "author": CLASSES[0]})
    for node in loaded.graph.node:
        node.name = f"http://evil.example/{node.name}"
    onnx.save(loaded, str(path))
    return path


@pytest.fixture
def folder(tmp_path):
    """Labelled by a table, in which the labels are the names of the classes."""
    folder = pictures(tmp_path / f"{FOLDER} pictures", 6)
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as table:
        names = sorted(path.name for path in folder.glob("*.png"))
        csv.writer(table).writerows(
            [("file", "label"), *((name, CLASSES[index % len(CLASSES)]) for index, name in enumerate(names))]
        )
    return folder


@pytest.fixture
def done(store, model, folder):
    """A job that was really run."""
    job = Job(model, ("onnx_fp16", "onnx_quan_dy"), PREPROCESSING, model.parent, test_images=folder)
    job_id = store.create(job)
    run_job(job, store.folder(job_id), lambda fraction, message: None)
    store.write_state(job_id, JobState("done", 1.0, created=1.7e9, started=1.7e9, finished=1.7e9 + 65))
    return job_id


def assert_text(page, *names: str) -> None:
    for name in names:
        expect(page.get_by_text(name).locator("visible=true").first).to_be_visible(timeout=30_000)
    expect(page.locator(MARKED_UP)).to_have_count(0)


def test_on_the_convert_page(page, app, model, folder, outside):
    page.goto(app)
    for key, path in (("model", model), ("examples", folder)):
        field = page.locator(f".st-key-{key}-typed input")
        field.fill(str(path), timeout=30_000)
        field.press("Enter")
    expect(page.locator(".st-key-step-examples").get_by_text("6 pictures").first).to_be_visible(timeout=30_000)
    expect(page.locator(".st-key-convert button")).to_contain_text("Make", timeout=30_000)
    assert_text(page, MODEL, ", ".join(CLASSES[:4]), str(model.parent))
    assert outside == []


def test_in_an_error(page, app, model):
    page.goto(app)
    page.locator(".st-key-model-typed input").fill(str(model.parent / "none.onnx"), timeout=30_000)
    page.locator(".st-key-model-typed input").press("Enter")
    assert_text(page, str(model.parent / "none.onnx"))


def test_on_results_jobs_and_graph(page, app, done, model, outside):
    page.goto(f"{app}/results?job={done}")
    page.get_by_text("All pictures").click(timeout=30_000)
    assert_text(page, MODEL.removesuffix(".onnx") + "_fp16.onnx", *CLASSES)
    page.goto(f"{app}/jobs")
    assert_text(page, MODEL)
    page.goto(f"{app}/graph?job={done}")
    expect(page.frame_locator("iframe >> nth=0").locator("svg g.node").first).to_be_visible(timeout=60_000)
    expect(page.locator(MARKED_UP)).to_have_count(0)
    assert outside == []

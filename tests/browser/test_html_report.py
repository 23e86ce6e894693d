"""The report to hand on in Chromium: from the disk, without a server, in both languages and colours, and on paper."""

import re

import pytest
from playwright.sync_api import expect

from core.html_report.write import write_report
from core.job.job import Job
from core.queue.state import JobState
from core.queue.store import JobStore
from core.report.recommendation import recommend
from core.report.schema import read_report
from core.runner import run_job
from small import PREPROCESSING, conv_net, pictures

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """A job that was really run."""
    folder = tmp_path_factory.mktemp("report")
    model = conv_net(folder / "net <b>.onnx")
    store = JobStore(folder / "home")
    job = Job(
        model, ("onnx_fp16", "onnx_quan_dy", "ncnn"), PREPROCESSING, folder / "out", pictures(folder / "photos", 8)
    )
    job_id = store.create(job)
    run_job(job, store.folder(job_id), lambda fraction, message: None)
    store.write_state(job_id, JobState("done", 1.0, created=1.7e9, started=1.7e9, finished=1.7e9 + 65))
    return store.open(job_id)


@pytest.fixture(params=["en", "zh"])
def written(request, job, tmp_path):
    """Language, the file, and the recommendation of its job."""
    files = write_report(job.path, tmp_path / "report.html", request.param)
    return request.param, files.html, recommend(read_report(job.report()))


@pytest.fixture
def opened(page, written):
    """The report as it is opened from the disk; what it asks for and says besides fails the test."""
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    address = written[1].as_uri()
    page.context.set_offline(True)
    page.goto(address)
    yield page
    assert [url for url in asked if not url.startswith("data:")] == [address]
    assert said == []


def test_it_opens_from_the_disk_with_its_answer_first(opened, written):
    language, _, found = written
    expect(opened.locator("#answer .sentence")).to_have_text(found.sentence.in_language(language))
    expect(opened.locator("h1")).to_have_text("net <b>.onnx")
    for drawing in opened.locator("svg.chart, .grid img, .seen img").all():
        box = drawing.bounding_box()
        assert box is not None and box["width"] > 100 and box["height"] > 20
    loaded = "[...document.images].every(image => image.complete && image.naturalWidth > 0)"
    assert opened.evaluate(loaded) and opened.locator("img").count() >= 2


@pytest.mark.parametrize("width", [1440, 800, 390])
def test_nothing_is_wider_than_the_window(opened, width):
    opened.set_viewport_size({"width": width, "height": 900})
    assert opened.evaluate("document.documentElement.scrollWidth") <= width


def test_it_is_dark_where_the_reader_s_screen_is(opened):
    colors = {}
    for scheme in ("light", "dark"):
        opened.emulate_media(color_scheme=scheme)
        colors[scheme] = opened.evaluate("getComputedStyle(document.body).backgroundColor")
    assert brightness(colors["light"]) > 200 > 60 > brightness(colors["dark"])


def test_on_paper_it_is_light_and_of_several_pages(opened):
    opened.emulate_media(media="print", color_scheme="dark")
    assert brightness(opened.evaluate("getComputedStyle(document.body).backgroundColor")) == 255
    opened.emulate_media(media=None)
    paper = opened.pdf(prefer_css_page_size=True)
    assert paper.startswith(b"%PDF")
    pages = len(re.findall(rb"/Type\s*/Page\b", paper))
    assert 2 <= pages <= 12
    sizes = re.findall(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", paper)
    assert {(round(float(width)), round(float(height))) for width, height in sizes} == {(595, 842)}


def brightness(color: str) -> float:
    channels = [float(number) for number in re.findall(r"[\d.]+", color)[:3]]
    return sum(channels) / 3

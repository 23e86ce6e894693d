"""The web page of real kits in Chromium: from a picture to the answer, asking nobody but its own server."""

import json
import re
import shutil
from dataclasses import replace

import pytest
from playwright.sync_api import expect
from task_nets import NETS, described
from test_kits_of_every_task import spoil
from web_server import serving

from core.common.errors import EdgePressError
from core.common.progress import silent
from core.kit.make import make_kit_here
from core.kit.web import TEMPLATES
from core.queue.job_folder import JobFolder
from core.runner import run_job
from core.setup import web_runtime
from small import conv_net, pictures

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

HOSTILE = ["<img src=x onerror=alert(1)>", "<b>bold</b>", "a & b"]
KINDS = ("classification", "detection, suppression inside", "segmentation", "keypoints of crops")


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    """A data folder with onnxruntime-web, which npm fetches."""
    patch = pytest.MonkeyPatch()
    patch.setenv("EDGEPRESS_HOME", str(tmp_path_factory.mktemp("home")))
    try:
        web_runtime.create()
    except EdgePressError as error:
        pytest.skip(f"onnxruntime-web cannot be had here: {error.detail}")
    yield
    patch.undo()


@pytest.fixture(scope="module")
def kits(tmp_path_factory, runtime):
    """The kits of some tasks, each made once."""
    made = {}

    def of(kind):
        if kind not in made:
            folder = tmp_path_factory.mktemp("kit")
            net = NETS[kind]
            if kind == "classification":
                names = str(dict(enumerate(HOSTILE)))
                net = replace(net, build=lambda path: described(conv_net(path, classes=3), names=names))
            target = "onnx_quan_st" if kind == "classification" else "onnx_fp16"
            job = finished(net.job(folder, targets=(target,)), folder / "job")
            made[kind] = make_kit_here(job, target, folder / "kits", silent, has_web_runtime=True).folder
        return made[kind]

    return of


def finished(job, folder):
    folder.mkdir()
    JobFolder(folder).initialise(job)
    report = run_job(job, folder, silent)
    assert [outcome.status for outcome in report.outcomes] == ["converted"], report.outcomes
    return folder


@pytest.fixture
def opened(page, kits):
    """Opens the page of a kit; what it says besides, and what it asks of others, fails the test."""
    asked, said, servers = [], [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))

    def of(kind, kit=None):
        server = serving(kit or kits(kind))
        address = server.__enter__()
        servers.append((server, address))
        page.goto(address)
        page.wait_for_selector("body[data-state]", timeout=60_000)
        return page

    yield of
    for server, _ in servers:
        server.__exit__(None, None, None)
    own = tuple(address for _, address in servers)
    assert [url for url in asked if not url.startswith((*own, "blob:"))] == []
    assert said == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_examples_are_answered_as_expected(opened, kits, kind):
    page = opened(kind)
    page.click("#check")
    expect(page.locator("#checked li.right")).to_have_count(3, timeout=60_000)
    expect(page.locator("#status")).to_have_text("All 3 answers are as expected.")
    page.locator("#examples button").nth(1).click()
    page.wait_for_selector("body[data-shown='example_2.png']", timeout=60_000)
    expected = json.loads((kits(kind) / "examples" / "expected.json").read_text(encoding="utf-8"))["examples"][1]
    found = json.loads(page.locator("#json").text_content())
    assert list(found) == list(expected["answer"]) and found["kind"] == expected["answer"]["kind"]
    assert page.locator("#canvas").bounding_box()["width"] > 100
    colors = "[...new Set(document.querySelector('#canvas').getContext('2d').getImageData(0, 0, 50, 50).data)].length"
    assert page.evaluate(colors) > 2


def test_a_picture_of_one_s_own_is_answered_and_names_stay_text(opened, kits, tmp_path):
    page = opened("classification")
    (picture,) = pictures(tmp_path / "own", 1).iterdir()
    page.set_input_files("#choose", str(picture))
    page.wait_for_selector(f"body[data-shown='{picture.name}']")
    cells = page.locator("#table tbody td:first-child").all_text_contents()
    assert sorted(cells) == sorted(HOSTILE)
    assert page.locator("#table img, #table b").count() == 0
    (tmp_path / "text.png").write_text("no picture", encoding="utf-8")
    page.set_input_files("#choose", str(tmp_path / "text.png"))
    expect(page.locator("#status.error")).to_contain_text("cannot be read")


def test_a_wrong_answer_is_told_as_such(opened, kits, tmp_path):
    kit = tmp_path / "kit"
    shutil.copytree(kits("classification"), kit)
    path = kit / "examples" / "expected.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    spoil(data["examples"][0]["answer"])
    path.write_text(json.dumps(data), encoding="utf-8")
    page = opened("classification", kit)
    page.click("#check")
    expect(page.locator("#checked li.wrong")).to_have_count(1, timeout=60_000)
    expect(page.locator("#status")).to_have_text("2 of 3 answers are as expected.")


def test_it_speaks_both_languages_and_is_dark_where_the_screen_is(opened):
    page = opened("classification")
    page.get_by_role("button", name="中文").click()
    expect(page.locator("#check")).to_have_text("检查样例")
    assert page.evaluate("document.documentElement.lang") == "zh"
    shades = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        color = page.evaluate("getComputedStyle(document.body).backgroundColor")
        shades[scheme] = sum(map(float, re.findall(r"[\d.]+", color)[:3])) / 3
    assert shades["light"] > 200 > 60 > shades["dark"]


@pytest.mark.parametrize("width", [1280, 400])
def test_nothing_is_wider_than_the_window(opened, width):
    page = opened("detection, suppression inside")
    page.set_viewport_size({"width": width, "height": 900})
    page.locator("#examples button").first.click()
    page.wait_for_selector("body[data-shown]")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_box_that_is_drawn_is_looked_at(opened):
    page = opened("keypoints of crops")
    page.locator("#examples button").first.click()
    page.wait_for_selector("body[data-shown]")
    before = page.locator("#json").text_content()
    area = page.locator("#canvas").bounding_box()
    page.mouse.move(area["x"] + 0.2 * area["width"], area["y"] + 0.2 * area["height"])
    page.mouse.down()
    page.mouse.move(area["x"] + 0.6 * area["width"], area["y"] + 0.8 * area["height"], steps=3)
    page.mouse.up()
    expect(page.locator("#json")).not_to_have_text(before)


def test_without_the_runtime_the_page_says_what_is_missing(page, kits, tmp_path):
    kit = tmp_path / "kit"
    shutil.copytree(kits("classification"), kit)
    for name in web_runtime.FILES:
        (kit / "web" / "runtime" / name).unlink()
    with serving(kit) as address:
        page.goto(address)
        expect(page.locator("#status.error")).to_contain_text("web/runtime")
        expect(page.locator("#check")).to_be_disabled()


def test_opened_from_the_disk_it_says_how_to_start_it(page, kits):
    """Where a browser runs no module."""
    page.goto((kits("classification") / "web" / "index.html").as_uri())
    expect(page.locator("#dead")).to_be_visible()
    expect(page.locator("#dead code").first).to_have_text("python web/serve.py")
    for name in ("README.md", "README.zh.md"):
        assert "python web/serve.py" in (kits("classification") / name).read_text(encoding="utf-8")


def test_the_policy_of_the_page_allows_its_own_server_only():
    text = (TEMPLATES / "index.html").read_text(encoding="utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)[1]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'" and rules["connect-src"] == "'self'"
    sources = {source for rule in rules.values() for source in rule.split()}
    assert sources <= {"'none'", "'self'", "'wasm-unsafe-eval'", "blob:"}
    for path in TEMPLATES.glob("*.*"):
        found = re.findall(r"https?://[^\s\"')]+", path.read_text(encoding="utf-8"))
        assert set(found) <= {"http://www.w3.org/2000/svg", "http://{HOST}:{server.server_address[1]}/"}, path.name

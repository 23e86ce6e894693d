"""The viewer of pictures before and after: slider, keys, filters, threshold, two files, full screen."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

import report_examples as examples
from core.common.json_files import write_json
from core.common.serialization import to_data
from core.job.job import Job
from core.queue.state import JobState
from report_examples import comparison, made
from small import PREPROCESSING, conv_net

pytestmark = pytest.mark.browser

HOSTILE = '<img src=x onerror="window.hacked=1">&lt;b&gt; <script>window.hacked=1</script>'
NAMES = ("cat", "dog", HOSTILE)


def objects(*found):
    """Each one: x, class, score."""
    return {
        "kind": "objects",
        "boxes": [[x, 40, x + 50, 120] for x, _, _ in found],
        "classes": [one for _, one, _ in found],
        "scores": [score for _, _, score in found],
    }


CAT, TWO = objects((10, 0, 0.9)), objects((10, 0, 0.9), (120, 1, 0.6))
STRANGE = objects((10, 2, 0.9))


def entry(number, source, dynamic, fp16, file=None):
    answers = {
        target: {"prediction": found, "agreement": 1.0 if found == source else 0.5, "changed": found != source}
        for target, found in (("onnx_quan_dy", dynamic), ("onnx_fp16", fp16))
    }
    about = {"file": file or f"/photos/{number:03d}.jpg", "picture": f"{number:05d}.jpg", "size": [160, 240]}
    return {**about, "truth": None, "source": source, "answers": answers}


@pytest.fixture
def job(store, tmp_path):
    """A detector's job of 40 pictures, made by hand: nothing is run."""

    def create(entries, **task):
        model = conv_net(tmp_path / "net.onnx")
        job_id = store.create(Job(model, ("onnx_fp16", "onnx_quan_dy"), PREPROCESSING, tmp_path))
        folder = store.folder(job_id)
        outcomes = (made("onnx_fp16", comparison(light="keeps")), made("onnx_quan_dy", comparison()))
        write_json(folder / "report.json", to_data(examples.report(*outcomes, class_names=NAMES, **task)))
        write_json(folder / "gallery.json", {"entries": list(entries)})
        (folder / "gallery").mkdir()
        for number, one in enumerate(entries):
            color = (40 + 5 * number % 200, 120, 160)
            Image.new("RGB", (240, 160), color).save(folder / "gallery" / Path(one["picture"]).name)
        store.write_state(job_id, JobState("done", 1.0, created=1.7e9, started=1.7e9, finished=1.7e9 + 65))
        return job_id

    return create


@pytest.fixture
def entries():
    changed = [entry(0, TWO, CAT, TWO), entry(1, STRANGE, objects(), STRANGE, f"/photos/{HOSTILE[:60]}.jpg")]
    return [*changed, *(entry(number, CAT, CAT, TWO if number == 2 else CAT) for number in range(2, 40))]


@pytest.fixture
def noise(page):
    """Errors that the page reported, but for Streamlit's own search for its server below the page's address."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))

    def note(line) -> None:
        if line.type == "error" and "/results/_stcore/" not in line.location["url"]:
            found.append(line.text)

    page.on("console", note)
    return found


@pytest.fixture
def viewer(page, app, job, entries, noise):
    page.goto(f"{app}/results?job={job(entries)}")
    found = page.locator(".viewer")
    expect(found.locator(".frame img").first).to_be_visible(timeout=30_000)
    return found


def count(viewer):
    return viewer.locator(".count")


def choose(page, key, option):
    button = page.locator(f"[class*='st-key-gallery-{key}']").get_by_role("button", name="Open")
    button.scroll_into_view_if_needed()  # scrolling closes the list again
    page.wait_for_timeout(300)
    button.click()
    page.get_by_role("option", name=option, exact=True).click()


def test_the_changed_pictures_are_shown_side_by_side_with_what_was_lost(viewer, page, outside, noise):
    expect(count(viewer)).to_have_text("1 / 2")
    expect(viewer.locator(".side .title")).to_have_text(["Original", "ONNX, 8 bit dynamic"])
    expect(viewer.locator(".words strong")).to_contain_text("1 lost")
    expect(viewer.locator(".side .frame img")).to_have_count(4)  # two pictures, two drawings
    expect(viewer.locator(".legend .item")).to_have_count(5)
    assert outside == [] and noise == []


def test_keys_go_through_the_pictures(viewer, page):
    page.get_by_text("All pictures (40)").click()
    expect(count(viewer)).to_have_text("1 / 40")
    viewer.focus()
    page.keyboard.press("ArrowRight")
    expect(count(viewer)).to_have_text("2 / 40")
    page.keyboard.press("End")
    expect(count(viewer)).to_have_text("40 / 40")
    page.keyboard.press("ArrowRight")
    expect(count(viewer)).to_have_text("40 / 40")
    page.keyboard.press("ArrowLeft")
    expect(count(viewer)).to_have_text("39 / 40")
    page.keyboard.press("Home")
    expect(count(viewer)).to_have_text("1 / 40")


def test_only_the_pictures_that_are_seen_are_fetched(viewer, page):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_text("All pictures (40)").click()
    expect(count(viewer)).to_have_text("1 / 40")
    page.wait_for_timeout(1500)
    pictures = [url for url in asked if "/pictures/" in url]
    assert 0 < len([url for url in pictures if "thumbnail" in url]) < 30
    assert len([url for url in pictures if "frame.json" in url]) <= 3


def test_the_slider_is_dragged_and_moved_by_keys(viewer, page):
    viewer.get_by_role("button", name="Slider").click()
    handle = viewer.get_by_role("slider")
    expect(handle).to_have_attribute("aria-valuenow", "50")
    handle.focus()
    page.keyboard.press("ArrowRight")
    expect(handle).to_have_attribute("aria-valuenow", "52")
    page.keyboard.press("End")
    expect(handle).to_have_attribute("aria-valuenow", "100")
    expect(count(viewer)).to_have_text("1 / 2")  # the keys of the handle change no picture
    box = viewer.locator(".stage.slider .frame").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    expect(handle).to_have_attribute("aria-valuenow", "25")
    clips = viewer.locator(".stage.slider img").evaluate_all("all => all.map(image => image.style.clipPath)")
    assert clips == ["inset(0px 0px 0px 25%)"] * 2 + ["inset(0px 75% 0px 0px)"] * 2


def test_full_screen_comes_and_goes(viewer, page):
    viewer.get_by_role("button", name="Full screen").click()
    expect(viewer.get_by_role("button", name="Leave full screen")).to_be_visible()
    assert page.evaluate("document.fullscreenElement !== null")
    page.keyboard.press("f")
    expect(viewer.get_by_role("button", name="Full screen", exact=True)).to_be_visible()


def test_a_class_and_a_threshold_change_what_is_listed_and_drawn(viewer, page):
    page.get_by_text("All pictures (40)").click()
    expect(count(viewer)).to_have_text("1 / 40")
    classes = page.locator("[class*='st-key-gallery-classes'] input")
    classes.click()
    page.get_by_role("option", name="dog", exact=True).click()
    expect(count(viewer)).to_have_count(0)  # nothing to go through
    expect(viewer.locator(".words strong")).to_have_text("≠ 1 lost")
    page.keyboard.press("Escape")
    thumb = page.locator("[class*='st-key-gallery-score']").get_by_role("slider")
    thumb.focus()
    page.keyboard.press("End")
    expect(viewer.locator(".empty")).to_be_visible()


def test_two_files_are_compared_with_each_other(viewer, page):
    choose(page, "left", "ONNX, 16 bit")
    expect(viewer.locator(".side .title").first).to_have_text("ONNX, 16 bit")
    expect(count(viewer)).to_have_text("1 / 3")
    expect(viewer.locator(".files li")).to_have_count(2)


def test_names_that_are_markup_are_text(viewer, page, noise):
    expect(viewer.locator(".words .name")).to_contain_text("<img src=x")
    viewer.get_by_role("button", name="Slider").click()
    assert page.evaluate("window.hacked") is None
    assert viewer.locator("script, img[src='x']").count() == 0
    assert noise == []


def test_the_viewer_speaks_chinese(page, app, job, entries):
    settings = Path(os.environ["EDGEPRESS_HOME"]) / "settings.json"
    settings.write_text(json.dumps({"language": "zh"}), encoding="utf-8")
    page.goto(f"{app}/results?job={job(entries)}")
    viewer = page.locator(".viewer")
    expect(viewer.get_by_role("button", name="滑块对比")).to_be_visible(timeout=30_000)
    expect(viewer.locator(".words strong")).to_contain_text("丢失 1 个")


def test_pictures_that_were_deleted_leave_the_page_alive(page, app, job, entries, store):
    job_id = job(entries)
    for picture in (store.folder(job_id) / "gallery").iterdir():
        picture.unlink()
    page.goto(f"{app}/results?job={job_id}")
    viewer = page.locator(".viewer")
    expect(viewer.locator(".words strong")).to_contain_text("1 lost", timeout=30_000)


def test_choices_are_in_the_language_and_stay_when_it_changes(page, viewer):
    choose(page, "order", "By name")

    def shown(key):
        return page.locator(f"[class*='st-key-gallery-{key}'] input")

    expect(shown("order")).to_have_value("By name")
    page.get_by_role("button", name="中文").or_(page.get_by_role("radio", name="中文")).first.click()
    try:
        expect(shown("left")).to_have_value("原模型", timeout=15_000)
        expect(shown("order")).to_have_value("按文件名")
    finally:
        page.get_by_role("button", name="English").or_(page.get_by_role("radio", name="English")).first.click()
    expect(shown("order")).to_have_value("By name", timeout=15_000)
    expect(shown("left")).to_have_value("Original")

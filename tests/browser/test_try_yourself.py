"""A picture of one's own on Results: dropped, run through every file, drawn; and what is no picture is told."""

from __future__ import annotations

import pytest
from PIL import Image
from playwright.sync_api import expect

from core.job.job import Job
from core.queue.state import JobState
from core.runner import run_job
from small import PREPROCESSING, conv_net, pictures

pytestmark = pytest.mark.browser


@pytest.fixture
def job(store, tmp_path):
    """Really run."""
    model, folder = conv_net(tmp_path / "mine" / "net.onnx"), pictures(tmp_path / "photos", 6)
    job = Job(model, ("onnx_fp16", "onnx_quan_dy"), PREPROCESSING, model.parent, test_images=folder)
    job_id = store.create(job)
    run_job(job, store.folder(job_id), lambda fraction, message: None)
    store.write_state(job_id, JobState("done", 1.0, created=1.7e9, started=1.7e9, finished=1.7e9 + 65))
    return job_id


def drop(page, path) -> None:
    field = page.locator("[class*='st-key-tried'] input[type='file']")
    field.wait_for(state="attached", timeout=30_000)
    field.set_input_files(path)


def test_good_and_damaged_pictures_one_after_another(page, app, job, tmp_path, outside):
    good, bad = tmp_path / "own <b>one</b>.png".replace("</b>", "b"), tmp_path / "bad.png"
    Image.effect_noise((80, 60), 90).convert("RGB").save(good)
    bad.write_bytes(b"no picture")
    page.goto(f"{app}/results?job={job}")
    drop(page, good)
    viewer = page.locator("[class*='st-key-tried'] .viewer")
    expect(viewer.locator(".frame img").first).to_be_visible(timeout=60_000)
    expect(viewer.locator(".bars").first).to_be_visible()
    expect(viewer.locator(".words .name")).to_contain_text("own _b_one")
    expect(page.get_by_text("One run here, all threads:")).to_be_visible()
    drop(page, bad)
    expect(page.get_by_text('The picture "bad.png" cannot be read.')).to_be_visible(timeout=60_000)
    expect(viewer).to_have_count(0)
    drop(page, good)  # the process is still warm
    expect(viewer.locator(".frame img").first).to_be_visible(timeout=20_000)
    assert outside == []


def test_what_is_no_picture_and_files_that_are_gone_are_told(page, app, job, tmp_path, store):
    document, good = tmp_path / "letter.txt", tmp_path / "own.png"
    document.write_text("hello")
    Image.new("RGB", (80, 60), "red").save(good)
    page.goto(f"{app}/results?job={job}")
    drop(page, document)
    expect(page.get_by_text('"letter.txt" is not such a file.')).to_be_visible(timeout=30_000)
    (store.job(job).out / "net_fp16.onnx").unlink()
    drop(page, good)
    expect(page.get_by_text("The file net_fp16.onnx is no longer where it was written.")).to_be_visible(timeout=60_000)
    expect(page.locator("[class*='st-key-tried'] .viewer .side .title").last).to_have_text("ONNX, 8 bit dynamic")

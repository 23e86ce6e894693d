"""A picture through the original and every file of a job that was really run."""

import os
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.common.errors import ImagesError, InputError, SourceError
from core.common.json_files import read_json
from core.job.job import Job
from core.queue.store import JobStore
from core.runner import run_job
from core.tryout import run
from small import PREPROCESSING, conv_net, pictures

TARGETS = ("onnx_fp16", "onnx_quan_dy")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Folder of the job, which no test changes."""
    root = tmp_path_factory.mktemp("tryout")
    model, folder = conv_net(root / "mine" / "net.onnx"), pictures(root / "photos", 6)
    job = Job(model, TARGETS, PREPROCESSING, root / "out", test_images=folder)
    store = JobStore(root / "home")
    job_id = store.create(job)
    run_job(job, store.folder(job_id), lambda fraction, message: None)
    yield store.folder(job_id)
    run.end()


@pytest.fixture
def job(made, tmp_path):
    """A copy whose files may be changed."""
    root = tmp_path / "copy"
    shutil.copytree(made.parents[2], root)
    folder = root / made.relative_to(made.parents[2])
    for name in ("job.json", "report.json"):
        text = (folder / name).read_text(encoding="utf-8").replace(str(made.parents[2]), str(root))
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def picture(tmp_path):
    pixels = np.random.default_rng(3).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    path = tmp_path / "own.png"
    Image.fromarray(pixels).save(path)
    return path


def file_of(job, target) -> Path:
    (found,) = [one for one in read_json(job / "report.json")["outcomes"] if one["target"] == target]
    return Path(found["files"][0])


def test_every_file_answers_and_agrees_or_not_with_the_original(made, picture):
    tried = run.try_picture(made, picture, TARGETS)
    assert tried.picture.size == (60, 80) and tried.picture.jpeg[:2] == b"\xff\xd8"
    assert set(tried.files) == set(TARGETS) and not tried.errors
    assert tried.original.prediction["kind"] == "classes"
    for answer in tried.files.values():
        same = answer.prediction["label"] == tried.original.prediction["label"]
        assert answer.agreement == float(same) and answer.seconds > 0


def test_the_answer_for_a_stored_picture_is_the_one_that_was_measured(made, tmp_path):
    entry = read_json(made / "gallery.json")["entries"][0]
    tried = run.try_picture(made, Path(entry["file"]), TARGETS)
    assert tried.original.prediction == entry["source"]
    assert tried.files["onnx_fp16"].prediction == entry["answers"]["onnx_fp16"]["prediction"]


def test_the_process_stays_and_one_that_died_is_started_anew(made, picture):
    run.try_picture(made, picture, TARGETS)
    before = run._helper.pid
    run.try_picture(made, picture, TARGETS)
    assert run._helper.pid == before
    os.kill(before, getattr(signal, "SIGKILL", signal.SIGTERM))
    while run._helper._running is not None and not run._helper._running.has_ended:
        time.sleep(0.01)
    assert not run.try_picture(made, picture, TARGETS).errors
    assert run._helper.pid != before


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_a_damaged_picture_is_told(made, tmp_path, content):
    path = tmp_path / "bad.png"
    path.write_bytes(content)
    with pytest.raises(ImagesError, match=r"The picture \"bad.png\" cannot be read"):
        run.try_picture(made, path, TARGETS)


def test_a_picture_that_is_far_too_large_is_told(made, tmp_path):
    path = tmp_path / "huge.png"
    Image.new("1", (20_000, 20_000)).save(path)
    with pytest.raises(ImagesError, match=r"huge\.png"):
        run.try_picture(made, path, TARGETS)


def test_files_that_were_moved_or_changed_are_told_and_cost_only_themselves(job, picture):
    file_of(job, "onnx_fp16").unlink()
    with file_of(job, "onnx_quan_dy").open("ab") as file:
        file.write(b"\0")
    tried = run.try_picture(job, picture, TARGETS)
    assert not tried.files
    assert "is no longer where it was written" in str(tried.errors["onnx_fp16"].reason)
    assert "was changed after it was made" in str(tried.errors["onnx_quan_dy"].reason)


def test_a_file_of_the_same_size_that_is_newer_was_changed(job, picture):
    path = file_of(job, "onnx_fp16")
    os.utime(path, (path.stat().st_atime, (job / "report.json").stat().st_mtime + 60))
    assert "was changed" in str(run.try_picture(job, picture, TARGETS).errors["onnx_fp16"].reason)


def test_an_original_that_was_moved_or_changed_is_told(job, picture):
    source = Path(read_json(job / "job.json")["source"])
    content = source.read_bytes()
    source.write_bytes(content + b"\0")
    with pytest.raises(SourceError, match="was changed after it was converted"):
        run.try_picture(job, picture, TARGETS)
    source.unlink()
    with pytest.raises(SourceError, match="is no longer where it was"):
        run.try_picture(job, picture, TARGETS)


def test_a_file_whose_content_is_damaged_costs_only_itself(job, picture):
    path = file_of(job, "onnx_fp16")
    before = path.stat()
    path.write_bytes(b"\xff" * before.st_size)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    tried = run.try_picture(job, picture, TARGETS)
    assert set(tried.errors) == {"onnx_fp16"} and set(tried.files) == {"onnx_quan_dy"}


def test_a_model_that_takes_no_pictures_is_told(tmp_path, picture):
    from array_model import examples, two_input_net

    model, folder = two_input_net(tmp_path / "mine" / "sound.onnx"), examples(tmp_path / "sounds", 4)
    store = JobStore(tmp_path / "home")
    job_id = store.create(Job(model, ("onnx_fp16",), replace(PREPROCESSING), tmp_path / "out", test_images=folder))
    run_job(store.job(job_id), store.folder(job_id), lambda fraction, message: None)
    with pytest.raises(InputError, match="takes no pictures"):
        run.try_picture(store.folder(job_id), picture, ("onnx_fp16",))

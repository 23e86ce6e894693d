from __future__ import annotations

import io
import os
import time

import pytest

from core.common.errors import InputError
from core.job.job import Job
from core.preprocessing import Preprocessing
from core.queue.store import JobStore
from pages.parts.paths import uploads


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGEPRESS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def upload(name: str, data: bytes = b"data") -> io.BytesIO:
    file = io.BytesIO(data)
    file.name = name
    return file


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("../../etc/passwd", ("etc", "passwd")),
        ("C:\\Windows\\x.onnx", ("C_", "Windows", "x.onnx")),
        ("/abs/./x.png", ("abs", "x.png")),
        ("a/con/nul.txt", ("a", "_con", "_nul.txt")),
        ("tab\tnew\nline?.png", ("tab_new_line_.png",)),
        ("..", ("file",)),
        ("模型 1.onnx", ("模型 1.onnx",)),
        ("x" * 300 + ".png", ("x" * 116 + ".png",)),
    ],
)
def test_names_from_outside_stay_where_they_are_put(name, parts):
    assert uploads.safe_parts(name) == parts


def test_a_model_and_its_data_lie_side_by_side(home):
    path = uploads.save_model([upload("net.onnx", b"1"), upload("net.onnx.data", b"2")])
    assert path.read_bytes() == b"1" and path.with_name("net.onnx.data").read_bytes() == b"2"
    assert path.is_relative_to(home) and uploads.is_upload(path)


@pytest.mark.parametrize("names", [["a.txt"], ["a.onnx", "b.onnx"], []])
def test_exactly_one_model_is_taken(names, home):
    with pytest.raises(InputError, match="exactly one"):
        uploads.save_model([upload(name) for name in names])
    assert not home.exists()


def test_a_folder_keeps_its_subfolders_and_labels_and_nothing_else():
    files = [
        upload("pets/cat/1.PNG"),
        upload("pets/dog/1.png"),
        upload("pets/labels.csv"),
        upload("pets/data.yaml"),
        upload("pets/virus.exe"),
    ]
    folder = uploads.save_examples(files)
    assert folder.name == "pets"
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert found == ["cat/1.PNG", "data.yaml", "dog/1.png", "labels.csv"]


def test_two_names_that_become_the_same_are_both_kept():
    folder = uploads.save_examples([upload("p/a?.png", b"1"), upload("p/a*.png", b"2")])
    assert sorted(path.read_bytes() for path in folder.iterdir()) == [b"1", b"2"]


def test_a_folder_without_pictures_is_refused():
    with pytest.raises(InputError, match="no pictures"):
        uploads.save_examples([upload("p/notes.txt"), upload("p/labels.csv")])


def test_a_disk_that_takes_nothing_is_a_readable_error(home):
    home.write_text("a file where the folder should be")
    with pytest.raises(InputError, match="cannot be saved"):
        uploads.save_model([upload("net.onnx")])


def test_old_uploads_go_unless_a_job_needs_them(home):
    needed, old, fresh = (uploads.save_model([upload("net.onnx")]) for _ in range(3))
    long_ago = time.time() - 3 * 24 * 3600
    for path in (needed, old):
        os.utime(path.parent, (long_ago, long_ago))
    store = JobStore(home)
    store.create(Job(needed, ("onnx_fp16",), Preprocessing((8, 8)), home / "out"))
    uploads.sweep(store)
    assert needed.exists() and fresh.exists() and not old.parent.exists()


def test_one_file_is_kept_under_its_own_name_if_it_is_of_the_right_kind(home):
    path = uploads.save_file(upload("../epoch_3.PTH", b"1"), (".pth", ".pt"))
    assert path.name == "epoch_3.PTH" and path.read_bytes() == b"1" and uploads.is_upload(path)
    with pytest.raises(InputError, match="not such a file") as caught:
        uploads.save_file(upload("notes.txt"), (".pth", ".pt"))
    assert ".pth, .pt" in str(caught.value.next_step)

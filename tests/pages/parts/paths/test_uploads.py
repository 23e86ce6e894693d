from __future__ import annotations

import io
import os
import time

import onnx
import pytest

from core.common.errors import InputError, SourceError
from core.job.job import Job
from core.onnx_model.inspect import inspect
from core.preprocessing import Preprocessing
from core.queue.store import JobStore
from pages.parts.paths import uploads
from small import conv_net


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


@pytest.mark.parametrize("location", ["w.bin", "deep/er/w.bin", "what: a name.bin"])
def test_weights_are_put_where_the_model_looks_for_them(tmp_path, location):
    model = onnx.load(str(conv_net(tmp_path / "net.onnx")))
    onnx.save(model, str(tmp_path / "out.onnx"), save_as_external_data=True, location="w.bin", size_threshold=0)
    model = onnx.load(str(tmp_path / "out.onnx"), load_external_data=False)
    for tensor in model.graph.initializer:
        next(entry for entry in tensor.external_data if entry.key == "location").value = location
    files = {"net.onnx": model.SerializeToString(), location.split("/")[-1]: (tmp_path / "w.bin").read_bytes()}
    path = uploads.save_model([upload(name, content) for name, content in files.items()])
    assert inspect(path).parameters == inspect(tmp_path / "net.onnx").parameters


def test_weights_are_never_put_outside(tmp_path):
    model = onnx.load(str(conv_net(tmp_path / "net.onnx")))
    onnx.external_data_helper.set_external_data(model.graph.initializer[0], "../../stolen.bin")
    path = uploads.save_model([upload("net.onnx", model.SerializeToString()), upload("stolen.bin")])
    assert path.with_name("stolen.bin").is_file()
    with pytest.raises(SourceError, match="outside its own folder"):
        inspect(path)


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

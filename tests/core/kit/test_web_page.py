"""Which kits have a web page, what is in it, and the small server that shows it."""

import http.client
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from task_nets import NETS
from web_server import serving

from core.common.errors import ToolError
from core.kit.make import make_kit_here
from core.kit.web import TEMPLATES, lacks_runtime, page_files
from core.setup import web_runtime

SETTINGS = {
    "model": {"runtime": "onnx"},
    "picture": {"takes_pictures": True},
    "task": {"module": "objects", "head": {"module": "yolov8"}, "has_masks": True},
}


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("EDGEPRESS_HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture(scope="module")
def kits(tmp_path_factory, kits_of):
    folder = tmp_path_factory.mktemp("page")
    return kits_of(NETS["instance segmentation"].job(folder, targets=("onnx_fp16", "ncnn")), folder)


def names(settings):
    return {file.as_posix() for file in page_files(settings)}


def test_a_page_holds_the_modules_that_its_model_needs_and_no_other():
    found = names(SETTINGS)
    assert {"index.html", "main.js", "task_objects.js", "head_yolov8.js", "masks.js", "serve.py"} <= found
    assert {name for name in found if name.startswith(("task_", "head_"))} == {"task_objects.js", "head_yolov8.js"}
    without = names({**SETTINGS, "task": {"module": "text"}})
    assert "task_text.js" in without and not {"masks.js", "png.js", "boxes.js"} & without
    for settings in (SETTINGS, {**SETTINGS, "task": {"module": "segmentation"}}):
        chosen = names(settings)
        for name in chosen:
            if name.endswith(".js"):
                imported = re.findall(r'(?:from|import\() ?"\./([\w.]+)"', (TEMPLATES / name).read_text("utf-8"))
                assert set(imported) <= chosen, name


@pytest.mark.parametrize(
    "changed",
    [
        {"model": {"runtime": "ncnn"}},
        {"picture": {"takes_pictures": False}},
        {"task": {"module": "unknown"}},
        {"task": {"module": "objects", "head": {"module": "unknown"}}},
    ],
)
def test_what_a_page_does_not_know_has_none(changed):
    assert page_files({**SETTINGS, **changed}) == ()


def test_kits_of_onnx_files_have_a_page_and_say_what_it_lacks(kits):
    kit = kits["onnx_fp16"]
    assert lacks_runtime(kit) and not (kits["ncnn"] / "web").exists()
    for language in ("README.md", "README.zh.md"):
        text = (kit / language).read_text(encoding="utf-8")
        assert all(name in text for name in web_runtime.FILES) and web_runtime.PACKAGE in text
        assert "web/serve.py" not in (kits["ncnn"] / language).read_text(encoding="utf-8")
    settings = json.loads((kit / "preprocessing.json").read_text(encoding="utf-8"))
    assert (kit / settings["labels"]).is_file()


def test_a_kit_for_arrays_says_that_it_has_none(tmp_path, kits_of):
    kit = kits_of(NETS["arrays"].job(tmp_path, targets=("onnx_fp16",)), tmp_path)["onnx_fp16"]
    assert not (kit / "web").exists()
    assert "This kit has no web page" in (kit / "README.md").read_text(encoding="utf-8")


def test_with_the_runtime_a_kit_is_complete(tmp_path, finish, monkeypatch):
    def create(progress):
        web_runtime.folder().mkdir()
        for name in web_runtime.FILES:
            (web_runtime.folder() / name).write_text("x", encoding="utf-8")

    monkeypatch.setattr(web_runtime, "create", create)
    monkeypatch.setattr(web_runtime, "is_ready", lambda: True)
    job, _ = finish(NETS["classification"].job(tmp_path, targets=("onnx_fp16",)), tmp_path / "job")
    kit = make_kit_here(job, "onnx_fp16", tmp_path / "kits", has_web_runtime=True).folder
    assert not lacks_runtime(kit) and (kit / "web" / "runtime" / "LICENSE.txt").is_file()
    assert web_runtime.PACKAGE not in (kit / "README.md").read_text(encoding="utf-8")


def test_where_the_runtime_cannot_be_fetched_there_is_no_kit(tmp_path, finish, monkeypatch):
    def fail(progress):
        raise web_runtime._failed("no network")

    monkeypatch.setattr(web_runtime, "create", fail)
    job, _ = finish(NETS["classification"].job(tmp_path, targets=("onnx_fp16",)), tmp_path / "job")
    with pytest.raises(ToolError, match="could not be fetched"):
        make_kit_here(job, "onnx_fp16", tmp_path / "kits", has_web_runtime=True)
    assert not (tmp_path / "kits").exists()
    (tmp_path / "other").mkdir()
    arrays, _ = finish(NETS["arrays"].job(tmp_path / "other", targets=("onnx_fp16",)), tmp_path / "arrays")
    assert make_kit_here(arrays, "onnx_fp16", tmp_path / "kits", has_web_runtime=True).folder.is_dir()


def ask(address, path, **headers):
    host = address.removeprefix("http://").rstrip("/")
    connection = http.client.HTTPConnection(host, timeout=20)
    connection.putrequest("GET", path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def test_the_server_gives_the_kit_to_this_computer_and_nothing_else(kits):
    kit = kits["onnx_fp16"]
    with serving(kit) as address:
        assert ask(address, "/").headers["Location"] == "/web/index.html"
        types = {
            "/web/index.html": "text/html",
            "/web/main.js": "text/javascript",
            "/web/style.css": "text/css",
            "/preprocessing.json": "application/json",
            f"/{next(kit.glob('*.onnx')).name}": "application/octet-stream",
        }
        for path, kind in types.items():
            answer = ask(address, path)
            assert answer.status == 200 and answer.headers["Content-Type"].startswith(kind)
            assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
            assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        assert ask(address, "/web/").status == 200
        for path in ("/examples/", "/../", "/%2e%2e/%2e%2e/etc/passwd", "/nothing"):
            assert ask(address, path).status == 404
        assert ask(address, "/web/index.html", Host="evil.example:80").status == 403


def test_a_port_that_cannot_be_used_is_told(kits):
    program = str(Path(kits["onnx_fp16"]) / "web" / "serve.py")
    done = subprocess.run([sys.executable, program, "--no-browser", "--port", "99999"], capture_output=True, text=True)
    assert done.returncode == 1 and "Traceback" not in done.stderr and "99999" in done.stderr

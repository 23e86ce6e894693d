"""C++ programs of kits, compiled as their README says, give the answers of EdgePress.

Run on demand with ``-m kit``. ``EDGEPRESS_NCNN_DIR`` names the folder with ncnnConfig.cmake of an installed ncnn, and
``EDGEPRESS_ONNXRUNTIME_DIR`` a folder with include and lib of onnxruntime; docs/kit.md tells where they come from. What
is not there is not tested.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from task_nets import NETS
from test_kits_of_every_task import expected_of, spoil
from test_program_against_core import assert_same

from core.common.paths import ASSETS
from core.job.job import Job
from core.onnx_model.inspect import inspect

pytestmark = [pytest.mark.kit, pytest.mark.timeout(1800)]

LIBRARIES = {"ncnn": "EDGEPRESS_NCNN_DIR", "onnxruntime": "EDGEPRESS_ONNXRUNTIME_DIR"}
PICTURES = [name for name, net in NETS.items() if not name.startswith("arrays")]


def build(kit: Path) -> Path:
    """The program of a kit, compiled."""
    source = kit / "cpp"
    has = {"ncnn": (source / "model_ncnn.h").is_file(), "onnxruntime": (source / "onnxruntime_session.h").is_file()}
    options = []
    for library, variable in LIBRARIES.items():
        folder = os.environ.get(variable)
        if has[library] and not folder:
            pytest.skip(f"{variable} does not say where {library} is")
        options += [f"-D{library}_DIR={folder}"] if has[library] else []
    if shutil.which("cmake") is None:
        pytest.skip("there is no CMake here")
    run("cmake", "-B", "build", "-DCMAKE_BUILD_TYPE=Release", *options, cwd=source)
    run("cmake", "--build", "build", cwd=source)
    return source / "build" / "run"


def run(*command: object, cwd: Path) -> str:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def answers(program, kit):
    """As JSON: of all examples at once, or one by one where each has a box."""
    examples = expected_of(kit)
    found = []
    for example in examples:
        box = ["--box", ",".join(map(str, example["box"]))] if "box" in example else []
        found += json.loads(run(program, kit / "examples" / example["file"], "--json", *box, cwd=kit.parent))
    return list(zip((example["answer"] for example in examples), (one["answer"] for one in found), strict=True))


@pytest.fixture(scope="module", params=PICTURES)
def made(request, tmp_path_factory, kits_of):
    net, folder = NETS[request.param], tmp_path_factory.mktemp("kits")
    return kits_of(net.job(folder), folder)


@pytest.mark.parametrize("runtime", ["onnx", "ncnn"])
def test_the_program_gives_the_expected_answers(runtime, made):
    kit = next(kit for target, kit in made.items() if target.startswith(runtime))
    program = build(kit)
    told = run(program, "--check", cwd=kit.parent)
    files = [example["file"] for example in expected_of(kit)]
    assert told.splitlines() == [
        *(f"{file}: the expected answer" for file in files),
        "All 3 answers are as expected.",
    ]
    for expected, found in answers(program, kit):
        if "png" in expected:  # packed in another way; --check compares what they hold
            found["png"] = expected["png"]
        assert_same(expected, found)
    words = run(program, kit / "examples" / files[0], cwd=kit.parent)
    assert words.strip()
    check_wrong(program, kit)


def check_wrong(program, kit):
    """An answer that is not the expected one is told as such, and ends with 1."""
    path = kit / "examples" / "expected.json"
    before = path.read_text(encoding="utf-8")
    data = json.loads(before)
    spoil(data["examples"][0]["answer"])
    path.write_text(json.dumps(data), encoding="utf-8")
    done = subprocess.run([str(program), "--check"], capture_output=True, text=True, timeout=100)
    path.write_text(before, encoding="utf-8")
    assert done.returncode == 1 and "2 of 3 answers are as expected." in done.stdout, done.stdout


def test_the_bundled_sample(tmp_path, kits_of):
    job = Job(
        source=ASSETS / "sample" / "sample.onnx",
        targets=("ncnn_quan",),
        preprocessing=inspect(ASSETS / "sample" / "sample.onnx").own_preprocessing,
        out=tmp_path / "out",
        images=ASSETS / "sample" / "images",
    )
    kit = kits_of(job, tmp_path)["ncnn_quan"]
    assert "All 3 answers are as expected." in run(build(kit), "--check", cwd=tmp_path)
    check_bad_input(kit, tmp_path)


def check_bad_input(kit, folder):
    """What cannot be used is told, and ends with 1 or 2."""
    program = kit / "cpp" / "build" / "run"
    good = kit / "examples" / expected_of(kit)[0]["file"]
    (folder / "bad\x1b[31m.png").write_bytes(b"no picture")
    for arguments, code, words in (
        ([folder / "bad\x1b[31m.png", good], 1, "cannot be read"),
        ([folder / "none.png"], 1, "There is no file"),
        ([good, "--box", "1,2,3,4"], 2, "whole pictures"),
        (["--box", "1,2,3"], 2, "x1,y1,x2,y2"),
        (["--threads", "x"], 2, "not a number of cores"),
        (["--nonsense"], 2, "no option"),
        ([], 2, "Give a picture"),
        (["--check", "--kit", folder], 2, "preprocessing.json"),
    ):
        done = subprocess.run([str(program), *map(str, arguments)], capture_output=True, text=True, timeout=100)
        assert done.returncode == code and words in done.stderr and "\x1b" not in done.stderr, done.stderr
    done = subprocess.run([str(program), str(folder / "bad\x1b[31m.png"), str(good)], capture_output=True, text=True)
    assert str(good) in done.stdout
    (kit / "preprocessing.json").write_text("{", encoding="utf-8")
    done = subprocess.run([str(program), "--check"], capture_output=True, text=True, timeout=100)
    assert done.returncode == 2 and "damaged" in done.stderr

"""The program says what is wrong with a picture, a kit or an option, and shows nobody a traceback."""

import json
import os
import sys

import numpy as np
import pytest
from task_nets import NETS

from small import pictures


@pytest.fixture(scope="module")
def kit(tmp_path_factory, kits_of):
    folder = tmp_path_factory.mktemp("bad")
    return kits_of(NETS["classification"].job(folder, targets=("onnx_fp16",)), folder)["onnx_fp16"]


@pytest.fixture(scope="module")
def array_kit(tmp_path_factory, kits_of):
    folder = tmp_path_factory.mktemp("arrays")
    return kits_of(NETS["arrays"].job(folder, targets=("onnx_fp16",)), folder)["onnx_fp16"]


@pytest.fixture
def run(run_program):
    def done(kit, *arguments):
        found = run_program(sys.executable, kit, *arguments)
        assert "Traceback" not in found.stderr, found.stderr
        return found

    return done


def test_a_picture_that_is_missing_or_damaged_is_told_and_the_others_are_answered(kit, run, tmp_path):
    (good,) = sorted(pictures(tmp_path / "good", 1).iterdir())
    text, half = tmp_path / "text.jpg", tmp_path / "half.png"
    text.write_text("no picture", encoding="utf-8")
    half.write_bytes(good.read_bytes()[:200])
    done = run(kit, tmp_path / "nowhere.jpg", text, half, good, "--json")
    assert done.returncode == 1
    assert "There is no file" in done.stderr and done.stderr.count("cannot be read") == 2
    assert [one["file"] for one in json.loads(done.stdout)] == [str(good)]


@pytest.mark.parametrize("name", ["preprocessing.json", "classes_fp16.onnx", "examples/expected.json"])
def test_a_kit_of_which_a_file_is_missing_or_damaged_is_told(kit, run, name):
    path = next(kit.glob("*.onnx")) if name.endswith("onnx") else kit / name
    content = path.read_bytes()
    try:
        path.write_bytes(content[: len(content) // 2])
        assert run(kit, "--check").returncode == 2
        path.unlink()
        done = run(kit, "--check")
        assert done.returncode == 2 and path.name in done.stderr
    finally:
        path.write_bytes(content)
    assert run(kit, "--check").returncode == 0


def test_arrays_that_do_not_fit_are_told(array_kit, run, tmp_path):
    np.save(tmp_path / "one.npy", np.zeros((1, 1, 7), np.float32))
    np.savez(tmp_path / "half.npz", sound=np.zeros((1, 1, 400), np.float32))
    np.save(tmp_path / "objects.npy", np.array([{}], object), allow_pickle=True)
    (tmp_path / "damaged.npz").write_bytes(b"PK\3\4 nothing")
    files = [tmp_path / name for name in ("one.npy", "half.npz", "objects.npy", "damaged.npz")]
    (picture,) = pictures(tmp_path / "pictures", 1).iterdir()
    done = run(array_kit, *files, picture)
    told = [line for line in done.stderr.splitlines() if line.startswith(str(tmp_path))]
    assert done.returncode == 1 and len(told) == 5 and not done.stdout
    for line, word in zip(told, ("shape", "no array", "cannot be read", "cannot be read", "takes arrays"), strict=True):
        assert word in line


def test_options_that_cannot_be_used_are_told(kit, run, tmp_path):
    (picture,) = pictures(tmp_path / "pictures", 1).iterdir()
    assert run(kit).returncode == 2
    assert "looks at whole pictures" in run(kit, picture, "--box", "1,2,3,4").stderr
    assert run(kit, picture, "--box", "3,2,1,4").returncode == 2
    done = run(kit, picture, "--draw", tmp_path / "drawing.unknown")
    assert done.returncode == 1 and "cannot be written" in done.stderr
    (tmp_path / "file").touch()
    assert run(kit, picture, "--draw", tmp_path / "file" / "a.png").returncode == 1


def test_a_package_that_is_not_installed_is_named(kit, run_program, tmp_path):
    import venv

    venv.create(tmp_path / "bare", with_pip=False)
    python = next((tmp_path / "bare" / ("Scripts" if os.name == "nt" else "bin")).glob("python*"))
    done = run_program(python, kit, "--check")
    assert done.returncode != 0 and "requirements.txt" in done.stderr and "Traceback" not in done.stderr

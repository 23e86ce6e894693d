"""Making a kit: what it is made of, and what becomes of one that cannot be made."""

import json
import sys
from dataclasses import replace

import pytest
from task_nets import NETS

from core.common.errors import Cancelled, ConversionError, InputError
from core.common.serialization import to_data
from core.kit import make
from core.kit.make import kit_paths, make_kit, make_kit_here
from core.queue.job_folder import JobFolder
from core.report.schema import read_report


def test_a_report_that_names_other_files_gives_no_kit(tmp_path, finish):
    """Reports are files, which somebody may have changed: nothing else of the computer gets into a kit."""
    folder, report = finish(NETS["classification"].job(tmp_path, targets=("onnx_fp16",)), tmp_path / "job")
    secret = tmp_path / "secret.txt"
    secret.write_text("secret", encoding="utf-8")
    (outcome,) = report.outcomes
    JobFolder(folder).write_report(to_data(replace(report, outcomes=(replace(outcome, files=(secret,)),))))
    with pytest.raises(InputError):
        make_kit_here(folder, "onnx_fp16", tmp_path / "kits")
    assert not (tmp_path / "kits").exists()
    for target in ("onnx_quan_st", "../x"):
        with pytest.raises(InputError):
            make_kit_here(folder, target, tmp_path / "kits")


def test_a_job_without_examples_says_so(tmp_path, finish, run_program):
    job = replace(NETS["classification"].job(tmp_path, targets=("onnx_fp16",)), images=None)
    folder, _ = finish(job, tmp_path / "job")
    kit = make_kit_here(folder, "onnx_fp16", tmp_path / "kits").folder
    done = run_program(sys.executable, kit, "--check")
    assert done.returncode == 0 and "no examples" in done.stdout
    assert json.loads((kit / "examples" / "expected.json").read_text(encoding="utf-8")) == {"examples": []}
    assert "There are no examples in this kit" in (kit / "README.md").read_text(encoding="utf-8")
    assert "random inputs only" in (kit / "README.md").read_text(encoding="utf-8")


def test_what_is_missing_is_told(tmp_path, finish):
    folder, _ = finish(NETS["classification"].job(tmp_path, targets=("onnx_fp16",)), tmp_path / "job")
    with pytest.raises(InputError):
        make_kit_here(tmp_path / "nowhere", "onnx_fp16", tmp_path / "kits")
    read_report(JobFolder(folder).report()).outcomes[0].files[0].unlink()
    with pytest.raises(InputError, match="no longer where it was written"):
        make_kit_here(folder, "onnx_fp16", tmp_path / "kits")
    assert not (tmp_path / "kits").exists()


def test_it_is_made_in_a_process_of_its_own_with_progress(tmp_path, finish):
    folder, report = finish(NETS["classification"].job(tmp_path, targets=("onnx_fp16",)), tmp_path / "job")
    seen = []
    paths = make_kit(
        folder, "onnx_fp16", tmp_path / "kits", progress=lambda share, text: seen.append((share, str(text)))
    )
    assert paths == kit_paths(report.outcomes[0], tmp_path / "kits") and paths.archive.is_file()
    assert seen and [share for share, _ in seen] == sorted(share for share, _ in seen)
    assert {path.name for path in (tmp_path / "kits").iterdir()} == {paths.folder.name, paths.archive.name}


def test_one_that_is_cancelled_leaves_nothing(tmp_path, finish):
    folder, _ = finish(NETS["classification"].job(tmp_path, targets=("onnx_fp16",)), tmp_path / "job")
    seen = []
    with pytest.raises(Cancelled):
        make_kit(
            folder,
            "onnx_fp16",
            tmp_path / "kits",
            progress=lambda share, _: seen.append(share),
            cancelled=lambda: bool(seen),
        )
    assert not (tmp_path / "kits").exists() or not list((tmp_path / "kits").iterdir())


def test_a_file_that_is_replaced_meanwhile_gives_no_kit(tmp_path, finish, monkeypatch):
    folder, report = finish(NETS["classification"].job(tmp_path, targets=("onnx_fp16",)), tmp_path / "job")
    find = make.find_examples

    def replaced(*arguments, **options):
        found = find(*arguments, **options)
        file = report.outcomes[0].files[0]
        file.write_bytes(file.read_bytes() + b" ")
        return found

    monkeypatch.setattr(make, "find_examples", replaced)
    with pytest.raises(ConversionError, match="was replaced"):
        make_kit_here(folder, "onnx_fp16", tmp_path / "kits")
    assert list((tmp_path / "kits").iterdir()) == []

"""Checkpoints made to hurt: each is a result or an error in words, nothing of it runs, within time and memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.common.errors import CheckpointError, ConsentNeeded
from core.process.helper_process import HelperProcess
from core.pytorch import export as export_module
from core.pytorch.export import export
from core.pytorch.file_kinds import kind_of
from core.pytorch.request import ExportRequest
from core.pytorch.worker.consent import check_consent
from core.setup import openmmlab
from hostile.checkpoint_corpus import ACTS, BOMBS, checkpoint, damaged, growing, legacy, slow, weights_pickle

MOST_BYTES, MOST_SECONDS = 1_500_000_000, 25.0
DAMAGED_FILES = int(os.environ.get("EDGEPRESS_HOSTILE", "0")) or 30


@pytest.fixture(scope="module")
def helper():
    process = HelperProcess(("core.pytorch.worker.consent",))
    yield process
    process.close()


def is_opened(helper, path: Path) -> bool:
    """Whether it may be opened without consent; the process in which that is found out did not end by a limit."""
    helper.prepare()
    pid = helper.pid
    try:
        helper.call(checked, path, seconds=MOST_SECONDS, max_bytes=MOST_BYTES)
    except CheckpointError as exc:
        assert str(exc.reason) and str(exc.next_step)
        return False
    finally:
        assert helper.pid == pid
    return True


def checked(path: Path) -> None:
    check_consent(path, kind_of(path), trusted=False)


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", ACTS)
def test_a_file_that_acts_is_not_opened_without_consent(helper, tmp_path, name):
    mark = tmp_path / "ran.txt"
    assert not is_opened(helper, written(tmp_path / name, ACTS[name](mark)))
    assert not mark.exists()


@pytest.mark.parametrize("name", [name for name in ACTS if name not in ("broken_after_it_ran.pth",)])
def test_the_question_is_asked_in_words(tmp_path, name):
    with pytest.raises(ConsentNeeded, match="Nothing of it was run") as caught:
        checked(written(tmp_path / name, ACTS[name](tmp_path / "ran.txt")))
    assert "--trust-checkpoint" in str(caught.value.next_step)


@pytest.mark.parametrize("name", BOMBS)
def test_a_file_that_takes_too_much_is_told(helper, tmp_path, name):
    is_opened(helper, written(tmp_path / name, BOMBS[name]()))


@pytest.mark.parametrize("content", [checkpoint(), legacy(), checkpoint(weights_pickle(b"cnumpy\nndarray\n"))])
def test_plain_weights_need_no_consent(helper, tmp_path, content):
    assert is_opened(helper, written(tmp_path / "weights.pth", content))


def test_damaged_files_are_errors_in_words(helper, tmp_path):
    mark = tmp_path / "ran.txt"
    for number in range(DAMAGED_FILES):
        name, content = damaged(number, mark)
        is_opened(helper, written(tmp_path / name, content))
    assert not mark.exists()


@pytest.mark.parametrize("name", ["exported.pt2", "exported.pth", "script.pt"])
def test_the_worker_asks_before_it_imports_torch(tmp_path, monkeypatch, name):
    monkeypatch.setattr(openmmlab, "require", lambda: None)
    monkeypatch.setattr(openmmlab, "python", lambda: Path(sys.executable))  # without torch
    path = written(tmp_path / name, ACTS[name](tmp_path / "ran.txt"))
    with pytest.raises(ConsentNeeded, match="Nothing of it was run"):
        export(ExportRequest(path, output=tmp_path / "out" / "net.onnx"))
    assert not (tmp_path / "ran.txt").exists() and not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("suffix", [".py", ".json", ".yml"])
def test_a_config_that_came_with_no_package_is_not_run_without_consent(tmp_path, monkeypatch, suffix):
    monkeypatch.setattr(openmmlab, "site_packages", lambda: tmp_path / "site-packages")
    own, theirs = tmp_path / f"config{suffix}", tmp_path / "site-packages" / "mmdet" / f"config{suffix}"
    above = tmp_path / "site-packages" / ".." / own.name
    assert [export_module.needs_consent(path) for path in (own, theirs, above)] == [True, False, True]
    weights = written(tmp_path / "weights.pth", checkpoint())
    with pytest.raises(ConsentNeeded, match="a config is a program") as caught:
        export(ExportRequest(weights, config=written(own, b"print()"), output=tmp_path / "net.onnx"))
    assert "--trust-config" in str(caught.value.next_step)


@pytest.mark.skipif(not openmmlab.is_ready(), reason="the OpenMMLab environment is not there")
def test_pytorch_opens_damaged_files_as_weights_or_not_at_all(tmp_path):
    mark, folder = tmp_path / "ran.txt", tmp_path / "files"
    folder.mkdir()
    for number in range(DAMAGED_FILES):
        name, content = damaged(number, mark)
        written(folder / name, content)
    written(folder / "clean.pth", checkpoint())
    written(folder / "growing.pth", checkpoint(growing()))
    written(folder / "slow.pth", checkpoint(slow()))
    script = Path(__file__).with_name("open_checkpoints.py")
    command = [str(openmmlab.python()), str(script), str(folder)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert ran.returncode == 0, ran.stderr[-3000:] + ran.stdout[-3000:]
    assert "clean.pth opened" in ran.stdout and not mark.exists()
    assert "growing.pth CheckpointError Reading the model takes far more memory" in ran.stdout
    assert "slow.pth CheckpointError Reading the model takes more than" in ran.stdout

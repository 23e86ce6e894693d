"""Another variant in the place of a published file: at once, whole, and only what the job made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from crash_points import content
from variant_jobs import TARGET, VARIANTS, finished_job

from core.common.errors import ConversionError, InputError
from core.queue.choose_variant import choose_variant
from core.queue.recovery import recover
from core.queue.store import JobStore
from core.report import transaction
from core.report.schema import read_report
from core.report.variants import variant_folder

PROGRAM = Path(__file__).with_name("choice_crash_points.py")


@pytest.fixture
def finished(store, tmp_path, monkeypatch):
    monkeypatch.setenv("EDGEPRESS_HOME", str(store.root))
    return finished_job(store, tmp_path)


def current(store, job_id):
    (outcome,) = read_report(store.report(job_id)).outcomes
    return outcome


def test_the_other_files_take_the_place_of_the_published_ones_and_back(store, finished, tmp_path):
    for number in (1, 0):
        made = choose_variant(store, finished, TARGET, number).outcomes[0]
        assert content(tmp_path / "out") == VARIANTS[number]
        assert made == current(store, finished) and made.variant == number
        assert made.comparison == made.variants[number].comparison
        assert made.size_bytes == sum(map(len, VARIANTS[number].values()))
    assert not store.open(finished).is_choosing and not store.open(finished).is_publishing


@pytest.mark.parametrize(("target", "number"), [(TARGET, 2), (TARGET, -1), ("onnx_fp16", 1), ("../evil", 0)])
def test_what_the_job_did_not_make_is_refused(store, finished, tmp_path, target, number):
    with pytest.raises(InputError, match="no longer in the job's folder"):
        choose_variant(store, finished, target, number)
    assert content(tmp_path / "out") == VARIANTS[0]


def test_files_that_were_changed_or_lost_are_told(store, finished, tmp_path):
    place = variant_folder(store.folder(finished), TARGET, 1)
    (place / "net_int8.bin").write_bytes(b"x")
    with pytest.raises(InputError):
        choose_variant(store, finished, TARGET, 1)
    (place / "net_int8.bin").unlink()
    with pytest.raises(InputError):
        choose_variant(store, finished, TARGET, 1)
    assert content(tmp_path / "out") == VARIANTS[0] and current(store, finished).variant == 0


def test_paths_in_a_report_are_not_followed(store, finished, tmp_path):
    secret = tmp_path / "secret.bin"
    secret.write_bytes(b"secret")
    data = store.report(finished)
    data["outcomes"][0]["variants"][1]["files"] = [str(secret), str(secret)]
    store.open(finished).write_report(data)
    choose_variant(store, finished, TARGET, 1)
    assert content(tmp_path / "out") == VARIANTS[1]


def test_a_job_at_work_is_left_alone(store, finished):
    lock = store.lock(finished)
    assert lock.acquire()
    try:
        with pytest.raises(InputError, match="in use"):
            choose_variant(JobStore(store.root), finished, TARGET, 1)
    finally:
        lock.release()


def test_a_file_that_cannot_be_replaced_leaves_everything_as_it_was(store, finished, tmp_path):
    (tmp_path / "out" / "net_int8.bin").unlink()
    (tmp_path / "out" / "net_int8.bin").mkdir()
    with pytest.raises(ConversionError, match="could not be put in the place"):
        choose_variant(store, finished, TARGET, 1)
    assert (tmp_path / "out" / "net_int8.param").read_bytes() == VARIANTS[0]["net_int8.param"]
    assert current(store, finished).variant == 0
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_a_report_that_cannot_be_written_is_written_at_the_next_start(store, finished, tmp_path, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(transaction, "complete", full)
        with pytest.raises(OSError, match="No space"):
            choose_variant(store, finished, TARGET, 1)
    recover(store)
    assert content(tmp_path / "out") == VARIANTS[1] and current(store, finished).variant == 1
    assert store.state(finished).status == "done" and not store.open(finished).is_choosing


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the deaths happen in forks")
def test_a_death_at_any_change_of_the_disk_leaves_the_one_or_the_other(tmp_path):
    environment = {**os.environ, "EDGEPRESS_HOME": str(tmp_path / "home"), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, PROGRAM, tmp_path], env=environment, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert counts["variant 0"] >= 5 and counts["variant 1"] >= 5, counts

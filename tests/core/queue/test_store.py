from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.common.errors import InputError, OptionError
from core.common.paths import home
from core.common.serialization import from_data
from core.common.text import say
from core.queue.state import JobState
from core.queue.store import JobStore


def test_home_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("EDGEPRESS_HOME", str(tmp_path))
    assert home() == tmp_path
    monkeypatch.delenv("EDGEPRESS_HOME")
    assert home() == Path.home() / ".edgepress"


def test_a_new_job_is_queued_and_reads_back(store, job):
    job_id = store.create(job("done"))
    assert store.ids() == [job_id]
    assert store.job(job_id) == job("done")
    assert store.state(job_id).status == "queued"
    assert store.state(job_id).created is not None
    assert store.report(job_id) is None
    assert store.gallery(job_id) == []


def test_ids_sort_by_time(store, job):
    made = [store.create(job("done")) for _ in range(20)]
    assert made == sorted(set(made))
    assert store.ids() == made[::-1]


def test_relative_paths_become_absolute_because_the_worker_starts_elsewhere(store, job, monkeypatch, tmp_path):
    from dataclasses import replace

    monkeypatch.chdir(tmp_path)
    job_id = store.create(replace(job("done"), source=Path("x.onnx"), images=Path("pictures")))
    assert store.job(job_id).source == tmp_path / "x.onnx"
    assert store.job(job_id).images == tmp_path / "pictures"


@pytest.mark.parametrize(
    "hostile",
    [
        "",
        ".",
        "..",
        "../..",
        "/etc",
        "C:\\Windows",
        "20261123-123456-ab12/..",
        "20261123-123456-ab12\n",
        "\0",
        "a" * 9999,
    ],
)
def test_an_id_from_outside_cannot_leave_the_folder(store, job, hostile):
    store.create(job("done"))
    for ask in (store.job, store.state, store.report, store.gallery, store.folder, store.delete):
        with pytest.raises(InputError):
            ask(hostile)


def test_a_job_that_does_not_exist_is_an_input_error(store):
    with pytest.raises(InputError):
        store.state("20261123-123456-ab12")


def test_delete_removes_the_job_folder_but_not_the_finished_files(store, job, tmp_path):
    finished = tmp_path / "out" / "x_fp16.onnx"
    finished.parent.mkdir()
    finished.write_bytes(b"x")
    job_id = store.create(job("done"))
    store.delete(job_id)
    assert store.ids() == []
    assert list((store.root / "jobs").iterdir()) == []
    assert finished.exists()


def test_a_running_job_is_not_deleted(store, job):
    job_id = store.create(job("done"))
    lock = store.lock(job_id)
    assert lock.acquire()
    with pytest.raises(InputError, match="still runs"):
        store.delete(job_id)
    lock.release()
    store.delete(job_id)
    assert store.ids() == []


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "{",
        "[]",
        "null",
        '{"status": "conquered"}',
        '{"status": "done", "fraction": "much"}',
        '{"status": "done", "message": {"template": "{gone}", "values": {"here": 1}}}',
        '{"status": "done", "message": {"template": 7}}',
        "[" * 100_000,
        "\ufffd",
    ],
)
def test_a_damaged_state_counts_as_failed_with_a_readable_error(store, job, damage):
    job_id = store.create(job("done"))
    (store.folder(job_id) / "state.json").write_text(damage, encoding="utf-8")
    state = store.state(job_id)
    assert state.status == "failed"
    assert "damaged" in str(state.reason)
    assert state.next_step is not None


def test_damaged_results_count_as_none(store, job):
    job_id = store.create(job("done"))
    (store.folder(job_id) / "report.json").write_bytes(b"\xff\xfe")
    (store.folder(job_id) / "gallery.json").write_text('{"not": "a list"}')
    assert store.report(job_id) is None
    assert store.gallery(job_id) == []


def test_foreign_files_among_the_jobs_are_not_jobs(store, job):
    job_id = store.create(job("done"))
    (store.root / "jobs" / "notes.txt").write_text("x")
    (store.root / "jobs" / "holiday").mkdir()
    assert store.ids() == [job_id]


def test_a_state_survives_the_disk(store, job):
    job_id = store.create(job("done"))
    state = JobState(
        "failed", 0.25, say("Step {n}", n=2), say("Because"), say("Do"), "detail", created=1.0, started=2.0, pid=3
    )
    store.write_state(job_id, state)
    assert store.state(job_id) == state
    assert not list(store.folder(job_id).glob(".*"))


def test_a_fraction_out_of_range_is_clamped():
    for fraction in ("NaN", "Infinity", "-3", "7"):
        assert (
            0.0 <= from_data(JobState, json.loads(f'{{"status": "running", "fraction": {fraction}}}')).fraction <= 1.0
        )


def test_a_home_that_cannot_be_written_is_a_readable_error(job, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OptionError, match="cannot be saved"):
        JobStore(tmp_path / "file").create(job("done"))

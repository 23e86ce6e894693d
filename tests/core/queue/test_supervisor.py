from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from core.common.serialization import to_data
from core.queue import supervisor as supervisor_module
from core.queue.supervisor import Supervisor, run_in_foreground

PARENT = Path(__file__).with_name("queue_parent.py")


def processes_of(store, job_id):
    """Process ids of the worker and its grandchild, once both run."""
    pid = store.state(job_id).pid
    grandchild = store.folder(job_id) / "grandchild.txt"
    found = grandchild.read_text() if grandchild.exists() else ""
    return (pid, int(found)) if pid and found else ()


def is_gone(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def assert_clean(store, job_id, tmp_path):
    assert not (store.folder(job_id) / "work").exists()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["finished.onnx"]


def test_a_job_runs_to_its_end_and_its_results_can_be_read(supervisor, store, job, until):
    supervisor.start()
    job_id = supervisor.submit(job("done"))
    until(lambda: not store.state(job_id).is_active)
    state = store.state(job_id)
    assert (state.status, state.fraction, state.pid) == ("done", 1.0, None)
    assert state.created <= state.started <= state.finished
    assert store.report(job_id) == {"outcomes": []}
    assert store.gallery(job_id) == [{"file": "a.png"}]
    assert "output of a tool" in store.open(job_id).log.read_text(encoding="utf-8")


def test_progress_shows_on_disk_and_cancel_leaves_no_process_and_no_part(supervisor, store, job, until, tmp_path):
    supervisor.start()
    job_id = supervisor.submit(job("busy"))
    until(lambda: processes_of(store, job_id))
    seen = store.state(job_id).fraction
    until(lambda: store.state(job_id).fraction > seen)
    assert str(store.state(job_id).message).startswith("Step ")
    processes = processes_of(store, job_id)
    started = time.monotonic()
    supervisor.cancel(job_id)
    assert time.monotonic() - started < 2.0
    assert store.state(job_id).status == "cancelled"
    assert all(is_gone(pid) for pid in processes)
    assert_clean(store, job_id, tmp_path)


def test_jobs_run_one_at_a_time_in_their_order_and_a_waiting_one_can_be_cancelled(
    supervisor, store, job, tmp_path, until
):
    first, cancelled, second = (supervisor.submit(job("done")) for _ in range(3))
    supervisor.cancel(cancelled)
    supervisor.start()
    until(lambda: store.state(second).status == "done")
    assert store.state(cancelled).status == "cancelled"
    assert (tmp_path / "out" / "runs.txt").read_text().split() == [first, second]


def test_an_error_of_the_core_reaches_the_state(supervisor, store, job, until):
    supervisor.start()
    job_id = supervisor.submit(job("refuse"))
    until(lambda: not store.state(job_id).is_active)
    state = store.state(job_id)
    assert (state.status, str(state.reason), str(state.next_step), state.detail) == (
        "failed",
        "No pictures.",
        "Add pictures.",
        "0 files",
    )


def test_a_bug_fails_with_a_readable_error_and_its_places_in_the_code_as_detail(supervisor, store, job, until):
    supervisor.start()
    job_id = supervisor.submit(job("bug"))
    until(lambda: not store.state(job_id).is_active)
    state = store.state(job_id)
    assert state.status == "failed"
    assert "RuntimeError: a bug" in str(state.reason)
    assert "RuntimeError: a bug" in state.detail and "queue_worker.py, line" in state.detail


def test_a_native_crash_names_the_last_step_and_leaves_no_part(supervisor, store, job, until, tmp_path):
    supervisor.start()
    job_id = supervisor.submit(job("crash"))
    until(lambda: not store.state(job_id).is_active)
    state = store.state(job_id)
    assert state.status == "failed"
    assert str(state.reason) == "A native library crashed. Last step: Doing crash"
    assert "string_at" in state.detail  # where it happened, from the log
    assert_clean(store, job_id, tmp_path)


def test_a_worker_that_ends_without_a_final_state_has_failed(supervisor, store, job, until):
    supervisor.start()
    job_id = supervisor.submit(job("vanish"))
    until(lambda: not store.state(job_id).is_active)
    assert store.state(job_id).status == "failed"
    assert "without a result" in str(store.state(job_id).reason)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_worker_killed_by_the_system_has_failed_and_the_next_job_runs(supervisor, store, job, until, tmp_path):
    supervisor.start()
    job_id, following = supervisor.submit(job("busy")), supervisor.submit(job("done"))
    until(lambda: processes_of(store, job_id))
    processes = processes_of(store, job_id)
    os.kill(processes[0], signal.SIGKILL)
    until(lambda: not store.state(job_id).is_active)
    assert store.state(job_id).status == "failed"
    assert "memory" in str(store.state(job_id).reason)
    until(lambda: is_gone(processes[1]))
    assert_clean(store, job_id, tmp_path)
    until(lambda: store.state(following).status == "done")


@pytest.mark.parametrize("work", ["die", "full"])
def test_a_worker_that_ends_while_it_publishes_has_done_its_job(work, supervisor, store, job, until, tmp_path):
    """The files are complete and the report is written: only the names are left."""
    supervisor.start()
    job_id = supervisor.submit(job(work))
    until(lambda: not store.state(job_id).is_active)
    assert store.state(job_id).status == "done" and store.state(job_id).pid is None
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == {"net_fp16.onnx": b"half"}
    assert store.report(job_id)["outcomes"][0]["files"] == [str(tmp_path / "out" / "net_fp16.onnx")]
    until(lambda: not store.open(job_id).is_publishing)


def test_a_job_whose_command_line_was_killed_ends_while_the_app_runs(supervisor, store, job, until):
    supervisor.start()
    first = supervisor.submit(job("done"))
    until(lambda: store.state(first).status == "done")
    orphan = store.create(job("busy"))
    store.write_state(orphan, replace(store.state(orphan), status="running", started=1.0))
    until(lambda: store.state(orphan).status == "interrupted")


def test_when_the_supervising_process_dies_so_does_the_worker_and_a_restart_goes_on_with_the_queue(
    supervisor, store, job, until, tmp_path, command
):
    running, waiting = store.create(job("busy")), store.create(job("done"))
    with subprocess.Popen([sys.executable, str(PARENT), str(store.root), command[1]], cwd=Path.cwd(), env=env()) as app:
        until(lambda: processes_of(store, running))
        processes = processes_of(store, running)
        app.kill()
    until(lambda: all(is_gone(pid) for pid in processes))
    assert store.state(running).status == "running"  # no process was left to write another
    supervisor.start()
    until(lambda: store.state(waiting).status == "done")
    state = store.state(running)
    assert state.status == "interrupted"
    assert state.reason is not None and state.next_step is not None
    assert not list((tmp_path / "out").glob(".*"))
    assert not (store.folder(running) / "work").exists()


def is_held(lock):
    taken = lock.acquire()
    lock.release()
    return not taken


def env():
    return {**os.environ, "PYTHONPATH": str(Path(supervisor_module.__file__).parents[2])}


def test_a_second_supervisor_waits_cancels_and_takes_over(supervisor, store, job, until, tmp_path, command):
    second = Supervisor(store, command)
    supervisor.start()
    until(lambda: is_held(store.queue_lock()))
    second.start()
    done = [second.submit(job("done")), supervisor.submit(job("done"))]
    until(lambda: all(store.state(job_id).status == "done" for job_id in done))
    assert (tmp_path / "out" / "runs.txt").read_text().split() == done
    busy = second.submit(job("busy"))
    until(lambda: processes_of(store, busy))
    second.cancel(busy)
    assert store.state(busy).status == "cancelled"
    supervisor.stop()
    last = second.submit(job("done"))
    until(lambda: store.state(last).status == "done")
    second.stop()


def test_stopping_the_supervisor_interrupts_the_running_job(supervisor, store, job, until, tmp_path):
    supervisor.start()
    job_id = supervisor.submit(job("busy"))
    until(lambda: processes_of(store, job_id))
    supervisor.stop()
    assert store.state(job_id).status == "interrupted"
    assert_clean(store, job_id, tmp_path)


def test_a_damaged_job_does_not_stop_the_queue(supervisor, store, job, until):
    damaged, sound = store.create(job("done")), store.create(job("done"))
    (store.folder(damaged) / "job.json").write_text("{")
    supervisor.start()
    until(lambda: store.state(sound).status == "done")
    assert store.state(damaged).status == "failed"
    assert "settings of this job" in str(store.state(damaged).reason)


def test_run_in_foreground_reports_every_kind_of_state(store, job, command):
    states = []
    job_id, last = run_in_foreground(store, job("done"), states.append, command=command)
    assert last == store.state(job_id) == states[-1]
    assert last.status == "done"
    assert "running" in [state.status for state in states]


def test_ctrl_c_in_the_foreground_cancels(store, job, command, tmp_path):
    def press_ctrl_c(state):
        if str(state.message).startswith("Step"):
            raise KeyboardInterrupt

    job_id, last = run_in_foreground(store, job("busy"), press_ctrl_c, command=command)
    assert last.status == "cancelled"
    assert_clean(store, job_id, tmp_path)


def test_a_command_that_cannot_be_started_fails_with_a_readable_error(store, job):
    _, last = run_in_foreground(store, job("done"), lambda state: None, command=["/no/such/program"])
    assert last.status == "failed"
    assert "could not be started" in str(last.reason)


def test_a_real_job_whose_source_is_missing_fails_with_a_readable_error(store, job):
    _, last = run_in_foreground(store, job("done"), lambda state: None)
    assert last.status == "failed"
    assert last.next_step is not None
    assert "unexpected" not in json.dumps(to_data(last))


def test_there_is_one_supervisor_in_a_process(monkeypatch, tmp_path):
    monkeypatch.setenv("EDGEPRESS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(supervisor_module, "_singleton", None)
    first = supervisor_module.get_supervisor()
    assert supervisor_module.get_supervisor() is first
    assert first.store.root == tmp_path / "home"
    first.stop()


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("job.json", "{"),
        ("job.json", '{"targets": ["onnx_fp99"]}'),
        ("job.json", "[]"),
        ("state.json", '{"status": "running", "pid": 1' + "0" * 400 + "}"),
        ("state.json", '{"status": "queued", "created": NaN, "fraction": 1e999}'),
        ("state.json", '{"status": "running", "started": -1e308, "message": {"template": "{x}", "values": {}}}'),
        ("crashes.json", "[1]"),
    ],
)
def test_files_of_a_job_with_any_content_do_not_stop_the_queue(supervisor, store, job, until, file, content):
    damaged = supervisor.submit(job("done"))
    (store.folder(damaged) / file).write_text(content, encoding="utf-8")
    supervisor.start()
    good = supervisor.submit(job("done"))
    until(lambda: not store.state(good).is_active)
    assert store.state(good).status == "done"
    until(lambda: not store.state(damaged).is_active)
    state = store.state(damaged)
    assert all(moment is None or 0 <= moment < 1e11 for moment in (state.created, state.started, state.finished))
    store.delete(damaged)

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from core.common.text import say
from core.queue.worker import StateWriter


def test_a_thousand_calls_become_a_few_writes_and_the_last_one_is_among_them(store, job, monkeypatch, until):
    folder = store.open(store.create(job("done")))
    writes = []
    real = folder.write_state
    monkeypatch.setattr(folder, "write_state", lambda state: (writes.append(state), real(state)))
    writer = StateWriter(folder)
    started = time.monotonic()
    for count in range(1000):
        writer(count / 1000, say("Picture {count}", count=count))
    assert len(writes) <= 2 + (time.monotonic() - started) / 0.2
    until(lambda: folder.state().fraction == 0.999)
    assert str(folder.state().message) == "Picture 999"
    writer.close(lambda state: state)


def test_a_new_message_is_on_disk_at_once_so_that_a_crash_can_name_it(store, job):
    folder = store.open(store.create(job("done")))
    writer = StateWriter(folder)
    writer(0.1, say("Loading"))
    writer(0.2, say("Running"))
    assert str(folder.state().message) == "Running"
    writer.close(lambda state: state)


def test_nothing_is_written_after_the_final_state(store, job):

    folder = store.open(store.create(job("done")))
    writer = StateWriter(folder)
    writer.close(folder.write_done)
    writer(0.5, say("Too late"))
    assert folder.state().status == "done"
    assert folder.state().message == say("Done")


def test_a_full_disk_costs_the_progress_bar_and_not_the_job(store, job, monkeypatch):
    folder = store.open(store.create(job("done")))

    def fail(state):
        raise OSError("full")

    writer = StateWriter(folder)
    monkeypatch.setattr(folder, "write_state", fail)
    writer(0.5, say("Going on"))


def test_temporary_files_lie_where_they_are_removed_with_the_job_s_work(store, job):
    """A worker that is killed, as by a cancel, removes nothing itself: models would stay behind."""
    job_id = store.create(job("done"))
    folder = store.open(job_id)
    code = """
import sys, tempfile
from pathlib import Path
import core.runner
from core.queue import worker
core.runner.run_job = lambda *_, **__: tempfile.mkdtemp()
print(worker._run_job(None, Path(sys.argv[1]), worker.StateWriter(worker.JobFolder(Path(sys.argv[1])))))
"""
    done = subprocess.run([sys.executable, "-c", code, str(folder.path)], capture_output=True, text=True, check=True)
    made = Path(done.stdout.strip())
    assert made.is_dir() and made.is_relative_to(folder.path)
    folder.remove_leftovers()
    assert not made.exists()

from __future__ import annotations

import time

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

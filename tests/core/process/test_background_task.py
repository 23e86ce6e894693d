from __future__ import annotations

import sys
import threading
import time
from functools import partial
from pathlib import Path

import psutil

from core.common.errors import Cancelled, ConversionError, SourceError
from core.process.background_task import BackgroundTask, TaskStatus
from core.process.subprocess_call import call_in_subprocess

COMMAND = [sys.executable, str(Path(__file__).with_name("subprocess_functions.py"))]


def wait(task, until=lambda status: not status.is_running):
    deadline = time.monotonic() + 30
    while not until(task.status):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return task.status


def finish(name, **arguments):
    task = BackgroundTask(partial(call_in_subprocess, timeout=20, command=COMMAND))
    task.start(name, arguments)
    return wait(task)


def test_a_task_keeps_the_result_of_its_work():
    ended = finish("double", number=21)
    assert (ended.result, ended.error) == (42, None)
    assert ended.arguments == ("double", {"number": 21})


def test_an_error_a_crash_and_a_bug_end_as_a_readable_error():
    assert isinstance(finish("refuse").error, SourceError)
    assert "crashed" in str(finish("crash").error.reason)
    task = BackgroundTask(lambda progress, cancelled: 1 / 0)
    task.start()
    assert isinstance(wait(task).error, ConversionError)


def test_progress_reaches_the_status_and_cancel_ends_the_process_and_its_children():
    before = set(psutil.Process().children(recursive=True))
    task = BackgroundTask(partial(call_in_subprocess, timeout=60, command=COMMAND))
    task.start("report", {"then": "sleep"})
    status = wait(task, lambda status: status.fraction > 0.5)
    assert (status.fraction, str(status.message)) == (0.75, "Done")
    processes = set(psutil.Process().children(recursive=True)) - before
    assert len(processes) >= 2  # the process and the child that it started in a session of its own
    task.cancel()
    assert isinstance(task.status.error, Cancelled)
    _, alive = psutil.wait_procs(processes, timeout=5)
    assert not alive


def test_a_second_start_does_nothing_while_the_first_runs_and_later_it_can_be_run_again():
    gate, runs = threading.Event(), []

    def work(number, progress, cancelled):
        runs.append(number)
        gate.wait(30)
        return number

    task = BackgroundTask(work)
    task.start(1)
    task.start(2)
    task.forget()
    assert task.status.is_running
    gate.set()
    assert wait(task).result == 1
    task.forget()
    assert task.status == TaskStatus()
    task.start(3)
    assert wait(task).result == 3
    assert runs == [1, 3]

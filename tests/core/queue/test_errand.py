from __future__ import annotations

import sys
import threading
import time
from functools import partial
from pathlib import Path

import psutil

from core.errors import Cancelled, ConversionError, SourceError
from core.queue.call import call
from core.queue.errand import Errand, Standing

COMMAND = [sys.executable, str(Path(__file__).with_name("queue_answers.py"))]


def wait(errand, until=lambda standing: not standing.is_running):
    deadline = time.monotonic() + 30
    while not until(errand.standing):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return errand.standing


def finish(name, **arguments):
    errand = Errand(partial(call, timeout=20, command=COMMAND))
    errand.start(name, arguments)
    return wait(errand)


def test_an_errand_brings_back_what_came_of_it():
    ended = finish("double", number=21)
    assert (ended.result, ended.error) == (42, None)
    assert ended.given == ("double", {"number": 21})


def test_an_error_a_crash_and_a_bug_are_brought_back_in_words():
    assert isinstance(finish("refuse").error, SourceError)
    assert "crashed" in str(finish("crash").error.reason)
    errand = Errand(lambda progress, cancelled: 1 / 0)
    errand.start()
    assert isinstance(wait(errand).error, ConversionError)


def test_progress_is_heard_and_cancel_ends_the_whole_family():
    before = set(psutil.Process().children(recursive=True))
    errand = Errand(partial(call, timeout=60, command=COMMAND))
    errand.start("chat", {"then": "sleep"})
    heard = wait(errand, lambda standing: standing.fraction > 0.5)
    assert (heard.fraction, str(heard.message)) == (0.75, "Done")
    family = set(psutil.Process().children(recursive=True)) - before
    assert len(family) >= 2  # the process and the child that it started in a session of its own
    errand.cancel()
    assert isinstance(errand.standing.error, Cancelled)
    _, alive = psutil.wait_procs(family, timeout=5)
    assert not alive


def test_a_second_start_does_nothing_while_the_first_runs_and_later_it_can_be_run_again():
    gate, runs = threading.Event(), []

    def work(number, progress, cancelled):
        runs.append(number)
        gate.wait(30)
        return number

    errand = Errand(work)
    errand.start(1)
    errand.start(2)
    errand.forget()
    assert errand.standing.is_running
    gate.set()
    assert wait(errand).result == 1
    errand.forget()
    assert errand.standing == Standing()
    errand.start(3)
    assert wait(errand).result == 3
    assert runs == [1, 3]

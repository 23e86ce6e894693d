from __future__ import annotations

import sys
import time
from pathlib import Path

import psutil
import pytest

from core.errors import SourceError
from core.queue.errand import Errand, Standing

COMMAND = [sys.executable, str(Path(__file__).with_name("queue_answers.py"))]


def wait(errand, until):
    deadline = time.monotonic() + 30
    while not until(errand.standing):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return errand.standing


def finish(name, **arguments):
    errand = Errand(name, command=COMMAND)
    errand.start(**arguments)
    return wait(errand, lambda standing: not standing.is_running)


def test_an_errand_brings_back_what_the_function_returned():
    ended = finish("double", number=21)
    assert (ended.value, ended.error, ended.was_cancelled) == (42, None, False)
    assert ended.arguments == {"number": 21}


def test_an_error_and_a_crash_are_brought_back_in_words():
    refused = finish("refuse")
    assert isinstance(refused.error, SourceError)
    assert "crashed" in str(finish("crash").error.reason)


def test_progress_is_heard_and_cancel_ends_the_whole_family():
    before = set(psutil.Process().children(recursive=True))
    errand = Errand("breed", command=COMMAND)
    errand.start()
    heard = wait(errand, lambda standing: standing.message is not None)
    assert (heard.fraction, str(heard.message)) == (0.5, "Pick another.")
    family = set(psutil.Process().children(recursive=True)) - before
    assert len(family) >= 2  # the process and the child that it started in a session of its own
    errand.cancel()
    assert errand.standing.was_cancelled
    assert errand.standing.error is None
    _, alive = psutil.wait_procs(family, timeout=5)
    assert not alive


def test_a_second_start_does_nothing_while_the_first_runs():
    errand = Errand("sleep", command=COMMAND)
    errand.start()
    errand.start()
    errand.forget()
    assert errand.standing.is_running
    errand.cancel()
    errand.forget()
    assert errand.standing == Standing()


@pytest.mark.parametrize("times", [1, 2])
def test_an_errand_can_be_run_again(times):
    errand = Errand("double", command=COMMAND)
    for _ in range(times):
        errand.start(number=1)
        assert wait(errand, lambda standing: not standing.is_running).value == 2

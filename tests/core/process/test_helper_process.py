import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import helper_functions
import numpy as np
import psutil
import pytest

from core.common.errors import ConversionError, SourceError
from core.process.helper_process import HelperProcess


@pytest.fixture
def helper():
    made = HelperProcess()
    yield made
    made.close()


def assert_works(helper):
    assert helper.call(helper_functions.double, 3, seconds=60) == 6


def test_it_is_kept_over_many_calls(helper):
    assert [helper.call(helper_functions.count_calls, seconds=60) for _ in range(3)] == [1, 2, 3]
    helper.close()
    assert helper.pid is None and helper.call(helper_functions.count_calls, seconds=60) == 1


def test_arrays_larger_than_a_pipe_cross_both_ways(helper):
    numbers = np.arange(1_000_000, dtype=np.float32).reshape(1000, 1000)
    np.testing.assert_array_equal(helper.call(helper_functions.double, numbers, seconds=60), 2 * numbers)


def test_what_a_library_prints_does_not_come_between(helper):
    assert helper.call(helper_functions.print_much, seconds=60) == "printed"
    assert_works(helper)


@pytest.mark.parametrize("function", [helper_functions.crash, helper_functions.abort, helper_functions.leave])
def test_a_crash_is_an_answer_and_the_next_call_works(helper, function):
    with pytest.raises(ConversionError, match="native library crashed") as error:
        helper.call(function, seconds=60)
    assert error.value.next_step and (function is helper_functions.leave or function.__name__ in error.value.detail)
    assert_works(helper)


def test_so_is_a_hang(helper):
    with pytest.raises(ConversionError, match=r"more than 1 s"):
        helper.call(helper_functions.hang, seconds=0.6)
    assert_works(helper)


def test_so_is_a_lack_of_memory():
    helper = HelperProcess(max_bytes=200 << 20)
    with pytest.raises(ConversionError, match="memory ran out"):
        helper.call(helper_functions.fill_memory, seconds=60)
    assert_works(helper)
    helper.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_helper_that_is_killed_in_a_call_is_an_answer_and_between_two_calls_it_is_none(helper):
    assert_works(helper)
    threading.Timer(0.2, os.kill, (helper.pid, signal.SIGKILL)).start()
    with pytest.raises(ConversionError, match="memory ran out"):
        helper.call(helper_functions.hang, seconds=60)
    assert_works(helper)
    os.kill(helper.pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(helper.pid)], timeout=10)
    assert_works(helper)


def test_errors_of_the_core_cross_as_their_kind_and_others_as_readable_ones(helper):
    with pytest.raises(SourceError, match=r"a\.txt is no model") as error:
        helper.call(helper_functions.refuse, seconds=60)
    assert (str(error.value.next_step), error.value.detail) == ("Pick another.", "magic")
    with pytest.raises(ConversionError, match="RuntimeError: a bug"):
        helper.call(helper_functions.fail, seconds=60)
    assert_works(helper)


def test_a_request_that_cannot_be_sent_does_not_spoil_the_next(helper):
    with pytest.raises((AttributeError, TypeError)):
        helper.call(helper_functions.double, threading.Lock(), seconds=60)
    assert_works(helper)


def test_it_dies_with_its_parent_in_the_middle_of_a_call():
    command = [sys.executable, str(Path(__file__).with_name("helper_parent.py"))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as parent:
        helper = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    deadline = time.monotonic() + 10
    while helper.is_running() and helper.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.02)

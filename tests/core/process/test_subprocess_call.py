from __future__ import annotations

import sys
import time
from pathlib import Path

import psutil
import pytest

from core.common.errors import Cancelled, ConversionError, SourceError
from core.process.subprocess_call import call_in_subprocess

COMMAND = [sys.executable, str(Path(__file__).with_name("subprocess_functions.py"))]


def test_a_result_comes_back_as_plain_data():
    assert call_in_subprocess("double", {"number": 21}, timeout=20, command=COMMAND) == 42
    assert call_in_subprocess("double", {"number": "中"}, timeout=20, command=COMMAND) == "中中"


def test_an_error_comes_back_as_itself():
    with pytest.raises(SourceError) as caught:
        call_in_subprocess("refuse", {}, timeout=20, command=COMMAND)
    assert str(caught.value.reason) == "a.txt is no model."
    assert caught.value.reason.values == {"name": "a.txt"}
    assert str(caught.value.next_step) == "Pick another."
    assert caught.value.detail == "magic"


def test_a_bug_comes_back_as_a_readable_error():
    with pytest.raises(ConversionError) as caught:
        call_in_subprocess("double", {"wrong": 1}, timeout=20, command=COMMAND)
    assert "TypeError" in caught.value.detail


def test_a_crash_comes_back_as_a_readable_error_with_its_place():
    with pytest.raises(ConversionError, match="crashed") as caught:
        call_in_subprocess("crash", {}, timeout=20, command=COMMAND)
    assert "string_at" in caught.value.detail


def test_a_function_that_takes_too_long_is_ended():
    before = set(psutil.Process().children(recursive=True))
    started = time.monotonic()
    with pytest.raises(ConversionError, match="longer than 1 s "):
        call_in_subprocess("sleep", {}, timeout=1, command=COMMAND)
    assert time.monotonic() - started < 3.0
    assert set(psutil.Process().children(recursive=True)) <= before


def test_progress_arrives_in_order_with_its_values():
    reported = []
    result = call_in_subprocess(
        "report", {"then": ""}, timeout=20, command=COMMAND, progress=lambda *arguments: reported.append(arguments)
    )
    assert result == "reported"
    assert [(fraction, str(message)) for fraction, message in reported] == [
        (0.25, "Starting"),
        (0.5, "中 is no model."),
    ]


def test_a_crash_names_the_last_step_that_was_reported():
    with pytest.raises(ConversionError, match="Last step: 中 is no model"):
        call_in_subprocess("report", {"then": "crash"}, timeout=20, command=COMMAND)


def test_cancelling_ends_the_process_and_its_children():
    before = set(psutil.Process().children(recursive=True))
    reported, children = [], set()

    def cancelled():
        if 0.75 in reported:
            children.update(set(psutil.Process().children(recursive=True)) - before)
        return 0.75 in reported

    with pytest.raises(Cancelled):
        call_in_subprocess(
            "report",
            {"then": "sleep"},
            timeout=50,
            command=COMMAND,
            progress=lambda fraction, _: reported.append(fraction),
            cancelled=cancelled,
        )
    assert len(children) >= 2
    _, alive = psutil.wait_procs(children, timeout=5)
    assert not alive


def test_only_the_functions_of_the_table_can_be_called():
    with pytest.raises(ConversionError, match="KeyError"):
        call_in_subprocess("os.system", {"command": "true"}, timeout=20, command=COMMAND)

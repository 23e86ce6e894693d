import signal
import sys

import pytest

from core.common.text import say
from core.process import messages


@pytest.mark.parametrize(
    ("exit_code", "reason"),
    [
        (0, "The work ended without a result."),
        (1, "The work ended without a result."),
        (None, "The work ended without a result."),
        (-11, "A native library crashed."),  # SIGSEGV
        (0xC0000005, "A native library crashed."),  # an access violation on Windows
    ],
)
def test_the_exit_code_tells_a_native_crash_from_a_worker_without_a_result(exit_code, reason):
    assert str(messages.crashed(exit_code, say("Done"))[0]) == f"{reason} Last step: Done"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_killed_worker_most_likely_ran_out_of_memory():
    reason, _ = messages.crashed(-signal.SIGKILL, None)
    assert "memory ran out. Last step: starting" in str(reason)

import sys

import pytest

from benchmarks.faults import document, run


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_after_a_kill_and_the_next_start_files_and_state_agree():
    counts, problems = run(kills=2, seed=3)
    assert not problems
    assert sum(counts.values()) == 2
    assert "| **together** | | 2 |" in document(counts, problems)


def test_what_is_wrong_is_in_the_table():
    table = document({("worker of the queue", "publishing", "wrong"): 1}, ["0 x.bin is not made by the report"])
    assert "| worker of the queue | publishing | 1 | 0 | 0 | 0 | 1 |" in table and "x.bin" in table

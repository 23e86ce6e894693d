from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from core.common.file_lock import FileLock

HOLDER = """
import sys, time
from pathlib import Path
from core.common.file_lock import FileLock
assert FileLock.acquire(lock := FileLock(Path(sys.argv[1])))
print("held", flush=True)
time.sleep(60)
"""


def test_only_one_holds_it(tmp_path):
    first, second = FileLock(tmp_path / "a" / "lock"), FileLock(tmp_path / "a" / "lock")
    assert first.acquire()
    assert not second.acquire()
    assert not first.acquire()
    first.release()
    assert second.acquire()
    second.release()


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    path = tmp_path / "lock"
    root = Path(__file__).parents[3]
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], cwd=root, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline().strip() == b"held"
        assert not FileLock(path).acquire()
        holder.kill()
    lock = FileLock(path)
    assert lock.acquire()
    lock.release()

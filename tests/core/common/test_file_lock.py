from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

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


@pytest.mark.skipif(sys.platform == "win32", reason="only POSIX says why a lock cannot be taken")
def test_on_a_file_system_without_locks_only_an_optional_lock_is_acquired(tmp_path, monkeypatch):
    def refuse(handle):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("core.common.file_lock._try_lock", refuse)
    assert not FileLock(tmp_path / "lock").acquire()
    optional = FileLock(tmp_path / "lock", is_required=False)
    assert optional.acquire()
    optional.release()
    assert optional.handle is None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not inherit the handle")
def test_a_child_that_inherited_the_handle_holds_the_lock_on(tmp_path):
    lock, other = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert lock.acquire()
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(command, pass_fds=[lock.handle]) as child:
        os.close(lock.handle)  # what is left of a holder that was killed
        assert not other.acquire()
        child.kill()
    assert other.acquire()
    other.release()

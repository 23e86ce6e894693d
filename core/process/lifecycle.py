"""How a worker process ends: together with its parent, or immediately when its work is done."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import suppress

import psutil

from core.process.worker_process import descendants


def die_with_parent() -> None:
    """Take over standard input, and end this process and its children when its other end closes."""
    pipe = take_over_standard_input()
    threading.Thread(target=_end_when_closed, args=(pipe,), daemon=True, name="parent watch").start()


def take_over_standard_input() -> int:
    """Put nothing in the place of standard input, and return the descriptor of what it was.

    A read that waits on the standard input itself blocks Windows from loading some libraries, and tools started by the
    worker would inherit the pipe.
    """
    pipe = os.dup(0)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    return pipe


def end_with_children() -> None:
    """Kill this process and everything that it started."""
    for process in descendants(os.getpid()):
        with suppress(psutil.Error):
            process.kill()
    if sys.platform != "win32" and os.getpgrp() == os.getpid():
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os._exit(1)


def _end_when_closed(pipe: int) -> None:
    # os.read, because a buffered read in a daemon thread aborts the interpreter when it ends normally.
    with suppress(OSError):
        while os.read(pipe, 1):
            pass
    end_with_children()


def exit_immediately(code: int) -> None:
    """End the process without cleanup: native libraries crash or hang in theirs, and all results are on disk."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)

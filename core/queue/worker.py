"""The process that runs one job: ``python -m core.queue.worker JOBFOLDER``, started by the supervisor only."""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from core.common.errors import EdgePressError
from core.common.progress import clamp_fraction
from core.common.text import Text, say
from core.common.unexpected_errors import describe_unexpected_error
from core.job.job import Job
from core.process.lifecycle import die_with_parent, exit_immediately
from core.queue.job_folder import JobFolder
from core.queue.state import JobState

Run = Callable[[Job, Path, "StateWriter"], object]
"""What a worker does: the job, its folder, and where to write the progress."""

_INTERVAL = 0.2


class StateWriter:
    """The worker's progress on disk: at most five times a second, and never older than that."""

    def __init__(self, folder: JobFolder) -> None:
        self._folder = folder
        self._state = replace(folder.state(), status="running", pid=os.getpid())
        self._guard = threading.Lock()
        self._written = 0.0
        self._is_fresh = False
        self._is_closed = False
        threading.Thread(target=self._keep_writing, daemon=True, name="state writer").start()

    def __call__(self, fraction: float, message: Text) -> None:
        """Take note of it; a new kind of sentence is written at once, because a crash is told by the last one."""
        with self._guard:
            is_new = self._state.message is None or message.template != self._state.message.template
            self._state = replace(self._state, fraction=clamp_fraction(fraction), message=message)
            self._is_fresh = True
            if is_new or time.monotonic() - self._written >= _INTERVAL:
                self._write()

    def on_targets_made(self, count: int) -> None:
        """Take note of how many targets have been made, or tried."""
        with self._guard:
            self._state = replace(self._state, targets_made=count)
            self._write()

    def close(self, state: Callable[[JobState], JobState]) -> None:
        """Write the last state, made from the latest one; nothing is written after it."""
        with self._guard:
            self._is_closed = True
            self._folder.end(state(self._state))

    def _keep_writing(self) -> None:
        while not self._is_closed:
            time.sleep(_INTERVAL)
            with self._guard:
                if self._is_fresh:
                    self._write()

    def _write(self) -> None:
        if self._is_closed:
            return
        self._written = time.monotonic()
        self._is_fresh = False
        with suppress(OSError):  # the work goes on without a progress bar, as long as it can
            self._folder.write_state(self._state)


def main(folder: Path, run: Run | None = None) -> int:
    """Run the job in a folder and leave its last state there.

    Args:
        folder: the job folder.
        run: what to do with it; :func:`core.runner.run_job` unless given.

    Returns:
        The exit code: 0 where the job is done.
    """
    faulthandler.enable()
    die_with_parent()
    job_folder = JobFolder(folder)
    writer = StateWriter(job_folder)
    try:
        writer(0.0, say("Starting"))
        (run or _run_job)(job_folder.job(), folder, writer)
    except EdgePressError as exc:
        reason, next_step, detail = exc.reason, exc.next_step, exc.detail
    # The last place that can turn it into words; a traceback in a log helps nobody who does not program.
    except Exception as exc:  # noqa: BLE001
        reason, next_step, detail = describe_unexpected_error(exc)
    else:
        writer.close(lambda state: replace(state, status="done", fraction=1.0, message=say("Done")))
        return 0
    writer.close(lambda state: replace(state, status="failed", reason=reason, next_step=next_step, detail=detail))
    return 1


def _run_job(job: Job, folder: Path, writer: StateWriter) -> object:
    from core.runner import run_job  # heavy: it brings the runtimes

    return run_job(job, folder, writer, on_targets_made=writer.on_targets_made)


if __name__ == "__main__":
    exit_immediately(main(Path(sys.argv[1])))

"""The process that runs one job: ``python -m core.queue.worker JOBFOLDER``, started by the supervisor only."""

from __future__ import annotations

import faulthandler
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from core.common.errors import EdgePressError
from core.common.progress import clamp_fraction
from core.common.text import Text, say
from core.common.unexpected_errors import describe_unexpected_error
from core.job.job import Job
from core.job.target_id import TargetId
from core.process.lifecycle import die_with_parent, exit_immediately
from core.process.messages import RUN_NEVER_ENDED
from core.queue.job_folder import JobFolder
from core.queue.state import JobState

Run = Callable[[Job, Path, "StateWriter"], object]
"""What runs a job: called with the job, its folder, and its progress callback."""

_WRITE_SECONDS = 0.2


class StateWriter:
    """Writes the worker's progress to disk, at most five times a second and at most that much late."""

    def __init__(self, folder: JobFolder) -> None:
        self._folder = folder
        self._state = replace(folder.state(), status="running", pid=os.getpid())
        self._mutex = threading.Lock()
        self._written_at = 0.0
        self._is_unsaved = False
        self._is_closed = False
        threading.Thread(target=self._keep_writing, daemon=True, name="state writer").start()

    def __call__(self, fraction: float, message: Text) -> None:
        """Record it; a new kind of message is written at once, because a crash is reported with the last one."""
        with self._mutex:
            is_new = self._state.message is None or message.template != self._state.message.template
            self._state = replace(self._state, fraction=clamp_fraction(fraction), message=message)
            self._is_unsaved = True
            if is_new or time.monotonic() - self._written_at >= _WRITE_SECONDS:
                self._write()

    def on_targets_made(self, count: int) -> None:
        """Record how many targets have been made, or tried."""
        with self._mutex:
            self._state = replace(self._state, targets_made=count)
            self._write()

    @contextmanager
    def at_target(self, target: TargetId) -> Iterator[None]:
        """Record the target that is at work, by which a crash is told from those of the others."""
        self._set_target(target)
        try:
            yield
        finally:
            self._set_target(None)

    def _set_target(self, target: TargetId | None) -> None:
        with self._mutex:
            self._state = replace(self._state, target=target)
            self._write()

    def close(self, write: Callable[[JobState], object]) -> None:
        """Let ``write`` write the final state, which it makes from the latest one; nothing is written after it."""
        with self._mutex:
            self._is_closed = True
            write(self._state)

    def _keep_writing(self) -> None:
        while not self._is_closed:
            time.sleep(_WRITE_SECONDS)
            with self._mutex:
                if self._is_unsaved:
                    self._write()

    def _write(self) -> None:
        if self._is_closed:
            return
        self._written_at = time.monotonic()
        self._is_unsaved = False
        with suppress(OSError):  # the work goes on without a progress bar, as long as it can
            self._folder.write_state(self._state)


def main(folder: Path, run: Run | None = None) -> int:
    """Run the job in a folder and write its final state there.

    Args:
        folder: the job folder.
        run: runs it; :func:`core.runner.run_job` unless given.

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
    # The last place that can turn it into a readable error; a traceback in a log helps nobody who does not program.
    except Exception as exc:  # noqa: BLE001
        reason, next_step, detail = describe_unexpected_error(exc)
    else:
        writer.close(job_folder.write_done)
        job_folder.end_publishing()
        return 0
    if job_folder.is_publishing:
        return 1  # the job is done, but for some renaming that whoever started this process tries again
    failed = partial(replace, status="failed", reason=reason, next_step=next_step, detail=detail)
    writer.close(lambda state: job_folder.write_final_state(failed(state)))
    return 1


def _run_job(job: Job, folder: Path, writer: StateWriter) -> object:
    work = folder / "work"
    work.mkdir(exist_ok=True)
    tempfile.tempdir = str(work)  # is removed in any case, also where this process is killed

    from core.isolation.predictor import prepare_helper

    prepare_helper("core.targets")  # both processes import the runtimes at the same time
    from core.runner import run_job  # heavy
    from core.runtimes.run_limit import end_process_with

    end_process_with(partial(os._exit, RUN_NEVER_ENDED))
    return run_job(
        job,
        folder,
        writer,
        on_targets_made=writer.on_targets_made,
        at_target=writer.at_target,
        crashes=JobFolder(folder).crashes(),
    )


if __name__ == "__main__":
    exit_immediately(main(Path(sys.argv[1])))

"""Run one job: start its worker process, watch it, and write the final state."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Event
from typing import Literal

from core.common.errors import InputError
from core.job.outcome import Failed
from core.process import messages
from core.process.worker_process import WorkerProcess, log_tail
from core.queue.job_folder import JobFolder
from core.queue.recovery import complete_publishing
from core.queue.state import JobState
from core.queue.store import JobStore

WORKER: tuple[str, ...] = (sys.executable, "-m", "core.queue.worker")
"""The command that runs one job; the job folder is appended."""

StateCallback = Callable[[JobState], None]
"""Called with every new state of a job."""

_POLL_SECONDS = 0.1
_DESCENDANTS_SECONDS = 1.0  # between two looks at what the worker has started
_EXIT_SECONDS = 10.0  # that a worker may take to exit once it has written its final state

_Ending = Literal["exited", "cancelled", "stopped"]


class JobRun:
    """One run of a queued job; only one process at a time can run the same job."""

    def __init__(
        self,
        store: JobStore,
        job_id: str,
        *,
        command: Sequence[str] = WORKER,
        on_state: StateCallback | None = None,
        stop: Event | None = None,
    ) -> None:
        """Prepare it; setting ``stop`` in another thread ends the job as interrupted, not as cancelled."""
        self._store = store
        self._id = job_id
        self._command = command
        self._on_state: StateCallback = on_state or _ignore
        self._stop = stop or Event()

    def run(self) -> bool:
        """Run the job if it is still queued and no other process runs it; its final state is on disk afterwards.

        Returns:
            Whether it was run by this call.

        Raises:
            OSError: the disk is full or read-only.
        """
        lock = self._store.lock(self._id)
        if not lock.acquire():
            return False
        try:
            folder = self._store.open(self._id)
            if folder.state().status != "queued":
                return False
            self._run(folder)
            return True
        except InputError:
            return False  # deleted in the meantime
        finally:
            lock.release()

    def _run(self, folder: JobFolder) -> None:
        if folder.is_cancel_requested:
            self._on_state(
                folder.write_final_state(replace(folder.state(), status="cancelled", reason=messages.cancelled()))
            )
            return
        running = replace(folder.state(), status="running", started=time.time())
        folder.write_state(running)
        self._on_state(running)  # a quick job may have ended before the state is polled for the first time
        while True:
            try:
                worker = WorkerProcess(self._command, folder.path, log=folder.log)
            except OSError as exc:
                reason, next_step = messages.not_started()
                failed = replace(running, status="failed", reason=reason, next_step=next_step, detail=repr(exc))
                self._on_state(folder.write_final_state(failed))
                return
            ending, exit_code = self._wait(worker, folder)
            if ending != "exited" or not _goes_on(folder, exit_code):
                break
        self._on_state(_finish(folder, ending, exit_code))

    def _wait(self, worker: WorkerProcess, folder: JobFolder) -> tuple[_Ending, int | None]:
        ending: _Ending = "cancelled"  # what Ctrl-C in the foreground means
        try:
            ending = self._watch(worker, folder)
        except KeyboardInterrupt:
            pass
        finally:
            exit_code = worker.exit_code()
            worker.end()
            folder.remove_leftovers()
        return ending, exit_code

    def _watch(self, worker: WorkerProcess, folder: JobFolder) -> _Ending:
        final_since: float | None = None
        record_at = 0.0
        while not worker.wait(_POLL_SECONDS):
            now = time.monotonic()
            state = folder.state()
            self._on_state(state)
            if folder.is_cancel_requested:
                return "cancelled"
            if self._stop.is_set():
                return "stopped"
            if now >= record_at:
                worker.record_descendants()
                record_at = now + _DESCENDANTS_SECONDS
            if not state.is_active:
                final_since = final_since or now
                if now - final_since > _EXIT_SECONDS:
                    return "exited"
        return "exited"


def _ignore(state: JobState) -> None:
    """The callback where none is given."""


def _goes_on(folder: JobFolder, exit_code: int | None) -> bool:
    """Record at which target the worker died; whether another worker can do the rest of the job.

    Each target ends at most one worker, and the comparison of all files at most one more.
    """
    state, crashes = folder.state(), folder.crashes()
    if not state.is_active or state.targets_made is None or folder.is_publishing:
        return False
    if state.target is not None and state.target not in {failed.target for failed in crashes.failed}:
        reason, next_step = messages.crashed_at_target(exit_code)
        failed = Failed(state.target, reason, next_step, _detail(folder, exit_code))
        crashes = replace(crashes, failed=(*crashes.failed, failed))
    elif state.target is None and not crashes.one_at_a_time:
        crashes = replace(crashes, one_at_a_time=True)
    else:
        return False
    folder.write_crashes(crashes)
    folder.write_state(JobState("running", created=state.created, started=state.started))
    return True


def _detail(folder: JobFolder, exit_code: int | None) -> str:
    return f"exit code {exit_code}\n{log_tail(folder.log)}".strip()


def _finish(folder: JobFolder, ending: _Ending, exit_code: int | None) -> JobState:
    """Write the final state, unless the worker did."""
    completed = complete_publishing(folder)
    if completed is not None:
        return completed
    state = folder.state()
    if not state.is_active:
        return state
    if ending == "cancelled":
        return folder.write_final_state(replace(state, status="cancelled", reason=messages.cancelled()))
    if ending == "stopped":
        reason, next_step = messages.interrupted()
        return folder.write_final_state(replace(state, status="interrupted", reason=reason, next_step=next_step))
    reason, next_step = messages.crashed(exit_code, state.message)
    detail = _detail(folder, exit_code)
    return folder.write_final_state(replace(state, status="failed", reason=reason, next_step=next_step, detail=detail))

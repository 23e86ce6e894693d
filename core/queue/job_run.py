"""Run one job: start its worker process, watch it, and write the final state."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Event
from typing import Literal

from core.common.errors import InputError
from core.process import messages
from core.process.worker_process import WorkerProcess, log_tail
from core.queue.job_folder import JobFolder
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
        try:
            worker = WorkerProcess(self._command, folder.path, log=folder.log)
        except OSError as exc:
            reason, next_step = messages.not_started()
            failed = replace(running, status="failed", reason=reason, next_step=next_step, detail=repr(exc))
            self._on_state(folder.write_final_state(failed))
            return
        self._on_state(self._wait(worker, folder))

    def _wait(self, worker: WorkerProcess, folder: JobFolder) -> JobState:
        ending: _Ending = "cancelled"  # what Ctrl-C in the foreground means
        try:
            ending = self._watch(worker, folder)
        except KeyboardInterrupt:
            pass
        finally:
            exit_code = worker.exit_code()
            worker.end()
            folder.remove_leftovers()
        return _finish(folder, ending, exit_code)

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


def _finish(folder: JobFolder, ending: _Ending, exit_code: int | None) -> JobState:
    """Write the final state, unless the worker did."""
    state = folder.state()
    if not state.is_active:
        return state
    if ending == "cancelled":
        return folder.write_final_state(replace(state, status="cancelled", reason=messages.cancelled()))
    if ending == "stopped":
        reason, next_step = messages.interrupted()
        return folder.write_final_state(replace(state, status="interrupted", reason=reason, next_step=next_step))
    reason, next_step = messages.crashed(exit_code, state.message)
    detail = f"exit code {exit_code}\n{log_tail(folder.log)}".strip()
    return folder.write_final_state(replace(state, status="failed", reason=reason, next_step=next_step, detail=detail))

"""One job from its start to its end, as seen by the process that started its worker."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Event
from typing import Literal

from core.common.errors import InputError
from core.process import messages
from core.process.worker_process import WorkerProcess
from core.queue.job_folder import JobFolder
from core.queue.state import JobState
from core.queue.store import JobStore

WORKER: tuple[str, ...] = (sys.executable, "-m", "core.queue.worker")
"""The command that runs one job; the job folder follows it."""

Listener = Callable[[JobState], None]

_TICK = 0.1
_LOOK_AROUND = 1.0
_FAREWELL = 10.0  # a worker that has written its last state may take this long to leave

_End = Literal["exited", "unwanted", "stopped"]


class JobRun:
    """Runs one queued job; only one process at a time can run the same job."""

    def __init__(
        self,
        store: JobStore,
        job_id: str,
        *,
        command: Sequence[str] = WORKER,
        on_state: Listener | None = None,
        stop: Event | None = None,
    ) -> None:
        """Prepare it; ``stop`` ends it from another thread, as an interruption and not as a cancellation."""
        self._store = store
        self._id = job_id
        self._command = command
        self._tell: Listener = on_state or _nobody
        self._stop = stop or Event()

    def run(self) -> bool:
        """Run the job if it is still queued and nobody else runs it; its last state is on disk afterwards.

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
        if folder.is_unwanted:
            self._tell(folder.end(replace(folder.state(), status="cancelled", reason=messages.cancelled())))
            return
        running = replace(folder.state(), status="running", started=time.time())
        folder.write_state(running)
        self._tell(running)  # a quick job may have ended before the first look at the disk
        try:
            worker = WorkerProcess(self._command, folder.path, log=folder.log)
        except OSError as exc:
            reason, next_step = messages.no_worker()
            failed = replace(running, status="failed", reason=reason, next_step=next_step, detail=repr(exc))
            self._tell(folder.end(failed))
            return
        self._tell(self._accompany(worker, folder))

    def _accompany(self, worker: WorkerProcess, folder: JobFolder) -> JobState:
        end: _End = "unwanted"  # as Ctrl-C in the foreground means
        try:
            end = self._watch(worker, folder)
        except KeyboardInterrupt:
            pass
        finally:
            exit_code = worker.exit_code()
            worker.end()
            folder.remove_leftovers()
        return _settle(folder, end, exit_code)

    def _watch(self, worker: WorkerProcess, folder: JobFolder) -> _End:
        ended_at: float | None = None
        look_at = 0.0
        while not worker.wait(_TICK):
            now = time.monotonic()
            state = folder.state()
            self._tell(state)
            if folder.is_unwanted:
                return "unwanted"
            if self._stop.is_set():
                return "stopped"
            if now >= look_at:
                worker.look_around()
                look_at = now + _LOOK_AROUND
            if not state.is_active:
                ended_at = ended_at or now
                if now - ended_at > _FAREWELL:
                    return "exited"
        return "exited"


def _nobody(state: JobState) -> None:
    """Listen to nothing."""


def _settle(folder: JobFolder, end: _End, exit_code: int | None) -> JobState:
    """Write the last state, unless the worker did."""
    state = folder.state()
    if not state.is_active:
        return state
    if end == "unwanted":
        return folder.end(replace(state, status="cancelled", reason=messages.cancelled()))
    if end == "stopped":
        reason, next_step = messages.interrupted()
        return folder.end(replace(state, status="interrupted", reason=reason, next_step=next_step))
    reason, next_step = messages.crash(exit_code, state.message)
    detail = f"exit code {exit_code}\n{folder.log_tail()}".strip()
    return folder.end(replace(state, status="failed", reason=reason, next_step=next_step, detail=detail))

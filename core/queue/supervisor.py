"""Runs the queued jobs one after another, independent of the pages."""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

from core.common.errors import InputError
from core.common.file_lock import FileLock
from core.common.paths import home
from core.job.job import Job
from core.queue.job_run import WORKER, JobRun, StateCallback
from core.queue.recovery import end_orphaned_job, recover
from core.queue.state import JobState
from core.queue.store import JobStore

_LOG = logging.getLogger(__name__)
_QUEUE_SECONDS = 0.5  # between two looks at the queue
_STATE_SECONDS = 0.05  # between two looks at one job
_END_TIMEOUT = 5.0  # seconds to wait for a job that is being ended


class Supervisor:
    """One thread that runs one worker process at a time; its whole state is on disk.

    Any number of supervisors may share a store: one runs the queue, the others wait to take over.
    """

    def __init__(self, store: JobStore, command: Sequence[str] = WORKER) -> None:
        """Prepare it; ``command`` starts a worker, the job folder is appended."""
        self.store = store
        self._command = command
        self._lock = store.queue_lock()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._finished: set[str] = set()

    def start(self) -> None:
        """Start running the queue; nothing happens where it is started already."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, daemon=True, name="queue")
            self._thread.start()

    def stop(self) -> None:
        """End the running job as interrupted and leave the rest queued."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(_END_TIMEOUT)

    def submit(self, job: Job) -> str:
        """Queue a job and return its id.

        Raises:
            OptionError: the job folder cannot be written.
        """
        job_id = self.store.create(job)
        self._wake.set()
        return job_id

    def cancel(self, job_id: str) -> None:
        """Cancel a queued or running job, whichever process runs it; unfinished files are removed.

        Raises:
            InputError: there is no such job.
        """
        folder = self.store.open(job_id)
        if not folder.state().is_active:
            return
        folder.request_cancel()
        deadline = time.monotonic() + _END_TIMEOUT
        while folder.state().is_active and time.monotonic() < deadline:
            if not end_orphaned_job(self.store, job_id):
                time.sleep(_STATE_SECONDS)

    def _serve(self) -> None:
        while not _try_acquire(self._lock):
            if self._stop.wait(_QUEUE_SECONDS):
                return
        try:
            recover(self.store)
            while not self._stop.is_set():
                self._run_next()
        finally:
            self._lock.release()

    def _run_next(self) -> None:
        if not any(self._run(job_id) for job_id in self._queued()):
            self._wake.wait(_QUEUE_SECONDS)
            self._wake.clear()

    def _run(self, job_id: str) -> bool:
        try:
            return JobRun(self.store, job_id, command=self._command, stop=self._stop).run()
        except Exception:  # noqa: BLE001 - a full disk, or a folder that somebody damaged, must not end the thread
            _LOG.exception("The job %s cannot be run", job_id)
            self._finished.add(job_id)
            return False

    def _queued(self) -> Iterator[str]:
        """Queued jobs, oldest first; the state of a finished one is read only once."""
        for job_id in reversed(self.store.ids()):
            if job_id in self._finished:
                continue
            with suppress(InputError):  # deleted in the meantime
                state = self.store.state(job_id)
                if state.status == "queued":
                    yield job_id
                elif state.is_active:
                    self._end_if_orphaned(job_id)
                else:
                    self._finished.add(job_id)

    def _end_if_orphaned(self, job_id: str) -> None:
        """A command line that was killed leaves a job that would seem to run until the next start."""
        try:
            end_orphaned_job(self.store, job_id)
        except OSError:
            _LOG.exception("The job %s cannot be cleaned up", job_id)
            self._finished.add(job_id)


def _try_acquire(lock: FileLock) -> bool:
    try:
        return lock.acquire()
    except OSError:
        _LOG.exception("The queue cannot be locked")
        return False


def run_in_foreground(
    store: JobStore, job: Job, on_state: StateCallback, *, command: Sequence[str] = WORKER
) -> tuple[str, JobState]:
    """Run a job now and wait for it, as the command line does; Ctrl-C cancels it.

    Args:
        store: where the job is kept, so that the pages show it as well.
        job: its settings.
        on_state: called with every new state, the final one included.
        command: starts a worker; the job folder is appended.

    Returns:
        The job's id and its final state.

    Raises:
        OptionError: the job folder cannot be written.
    """
    report = _changes_only(on_state)
    job_id = store.create(job)
    try:
        # A supervisor may have been quicker to take it; then this waits for that one.
        while not JobRun(store, job_id, command=command, on_state=report).run() and store.state(job_id).is_active:
            report(store.state(job_id))
            time.sleep(_STATE_SECONDS)
    except KeyboardInterrupt:
        Supervisor(store).cancel(job_id)
    final = store.state(job_id)
    report(final)
    return job_id, final


def _changes_only(on_state: StateCallback) -> StateCallback:
    last: JobState | None = None

    def report(state: JobState) -> None:
        nonlocal last
        if state != last:
            last = state
            on_state(state)

    return report


_singleton: Supervisor | None = None
_singleton_mutex = threading.Lock()


def get_supervisor() -> Supervisor:
    """The supervisor of this process, started; made when first asked for."""
    global _singleton
    with _singleton_mutex:
        if _singleton is None:
            _singleton = Supervisor(JobStore(home()))
            _singleton.start()
            atexit.register(_singleton.stop)
        return _singleton

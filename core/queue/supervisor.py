"""Runs the queued jobs one after another, whatever the pages and their visitors do meanwhile."""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from core.common.errors import InputError
from core.common.file_lock import FileLock
from core.common.paths import home
from core.job.job import Job
from core.process import messages
from core.process.worker_process import end_orphan
from core.queue.job_run import WORKER, JobRun, Listener
from core.queue.state import JobState
from core.queue.store import JobStore

_LOG = logging.getLogger(__name__)
_POLL = 0.5
_GLANCE = 0.05
_PATIENCE = 5.0


class Supervisor:
    """One thread that starts one worker at a time; all that it knows is on disk.

    Any number of supervisors may share a store: one runs the queue, the others wait until it is gone.
    """

    def __init__(self, store: JobStore, command: Sequence[str] = WORKER) -> None:
        """Prepare it; ``command`` is the worker's, to which the job folder is added."""
        self.store = store
        self._command = command
        self._lock = store.queue_lock()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._settled: set[str] = set()

    def start(self) -> None:
        """Begin to run what is queued; nothing happens where it has begun already."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, daemon=True, name="queue")
            self._thread.start()

    def stop(self) -> None:
        """End the running job as interrupted and leave the rest queued."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(_PATIENCE)

    def submit(self, job: Job) -> str:
        """Queue a job and give its id.

        Raises:
            OptionError: the job folder cannot be written.
        """
        job_id = self.store.create(job)
        self._wake.set()
        return job_id

    def cancel(self, job_id: str) -> None:
        """End a queued or running job, whichever process runs it; nothing is left of what was being made.

        Raises:
            InputError: there is no such job.
        """
        folder = self.store.open(job_id)
        if not folder.state().is_active:
            return
        folder.ask_to_cancel()
        deadline = time.monotonic() + _PATIENCE
        while folder.state().is_active and time.monotonic() < deadline:
            if not _end_ownerless(self.store, job_id):
                time.sleep(_GLANCE)

    def _serve(self) -> None:
        while not _take(self._lock):
            if self._stop.wait(_POLL):
                return
        try:
            recover(self.store)
            while not self._stop.is_set():
                self._run_next()
        finally:
            self._lock.release()

    def _run_next(self) -> None:
        if not any(self._run(job_id) for job_id in self._queued()):
            self._wake.wait(_POLL)
            self._wake.clear()

    def _run(self, job_id: str) -> bool:
        try:
            return JobRun(self.store, job_id, command=self._command, stop=self._stop).run()
        except OSError:  # a full disk must not end the thread
            _LOG.exception("The job %s cannot be run", job_id)
            self._settled.add(job_id)
            return False

    def _queued(self) -> Iterator[str]:
        """Queued jobs, oldest first; finished ones are looked at only once."""
        for job_id in reversed(self.store.ids()):
            if job_id in self._settled:
                continue
            with suppress(InputError):  # deleted in the meantime
                state = self.store.state(job_id)
                if state.status == "queued":
                    yield job_id
                elif not state.is_active:
                    self._settled.add(job_id)


def recover(store: JobStore) -> None:
    """Put right what a supervisor or a command line left that died: running jobs become interrupted."""
    store.sweep()
    for job_id in store.ids():
        try:
            _end_ownerless(store, job_id)
        except OSError:
            _LOG.exception("The job %s cannot be put right", job_id)


def _take(lock: FileLock) -> bool:
    try:
        return lock.acquire()
    except OSError:
        _LOG.exception("The queue cannot be locked")
        return False


def _end_ownerless(store: JobStore, job_id: str) -> bool:
    """Write the last state of an active job that no process looks after.

    Returns:
        False where a process does look after it.
    """
    lock = store.lock(job_id)
    if not lock.acquire():
        return False
    try:
        folder = store.open(job_id)
        state = folder.state()
        if state.status == "running":
            if state.pid is not None:
                end_orphan(state.pid, folder.path)
            folder.remove_leftovers()
        if state.is_active and folder.is_unwanted:
            folder.end(replace(state, status="cancelled", reason=messages.cancelled()))
        elif state.status == "running":
            reason, next_step = messages.interrupted()
            folder.end(replace(state, status="interrupted", reason=reason, next_step=next_step))
    except InputError:
        return True  # deleted in the meantime
    finally:
        lock.release()
    return True


def run_in_foreground(
    store: JobStore, job: Job, on_state: Listener, *, command: Sequence[str] = WORKER
) -> tuple[str, JobState]:
    """Run a job now and wait for it, as the command line does; Ctrl-C cancels it.

    Args:
        store: where the job is kept, so that the pages show it as well.
        job: what to do.
        on_state: called with every new state, the last one included.
        command: the worker's command, to which the job folder is added.

    Returns:
        The job's id and its last state.

    Raises:
        OptionError: the job folder cannot be written.
    """
    tell = _changes_only(on_state)
    job_id = store.create(job)
    try:
        # A supervisor may have been quicker to take it; then this waits for that one.
        while not JobRun(store, job_id, command=command, on_state=tell).run() and store.state(job_id).is_active:
            tell(store.state(job_id))
            time.sleep(_GLANCE)
    except KeyboardInterrupt:
        Supervisor(store).cancel(job_id)
    last = store.state(job_id)
    tell(last)
    return job_id, last


def _changes_only(on_state: Listener) -> Listener:
    told: list[JobState] = []

    def tell(state: JobState) -> None:
        if told != [state]:
            told[:] = [state]
            on_state(state)

    return tell


_singleton: Supervisor | None = None
_singleton_guard = threading.Lock()


def get_supervisor() -> Supervisor:
    """The supervisor of this process, started; made when first asked for."""
    global _singleton
    with _singleton_guard:
        if _singleton is None:
            _singleton = Supervisor(JobStore(home()))
            _singleton.start()
            atexit.register(_singleton.stop)
        return _singleton

"""Jobs that a crash or a power cut left in the middle: completed, or told to be interrupted, and tidied up."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace

from core.common.errors import EdgePressError, InputError
from core.process import messages
from core.process.worker_process import end_orphan
from core.queue.job_folder import JobFolder
from core.queue.state import JobState
from core.queue.store import JobStore

_LOG = logging.getLogger(__name__)


def recover(store: JobStore) -> None:
    """Clean up after an app or a command line that died; both call it when they start."""
    store.remove_abandoned()
    for job_id in store.ids():
        try:
            end_orphaned_job(store, job_id)
        except Exception:  # noqa: BLE001 - a full disk, or a folder that somebody damaged, must not stop the start
            _LOG.exception("The job %s cannot be cleaned up", job_id)


def end_orphaned_job(store: JobStore, job_id: str) -> bool:
    """Write the final state of a job that is at work, or was when it died, and that no process runs any more.

    Returns:
        False where a process does run it.

    Raises:
        OSError: the disk is full or read-only.
    """
    with suppress(InputError):
        if _is_settled(store.open(job_id)):
            return True
    lock = store.lock(job_id)
    if not lock.acquire():
        return False
    try:
        _end(store.open(job_id))
    except InputError:
        return True  # deleted in the meantime
    finally:
        lock.release()
    return True


def complete_publishing(folder: JobFolder) -> JobState | None:
    """Where the job's results were being published, publish them all; they were complete and on the disk.

    Returns:
        The final state, which is written; None where nothing was being published.

    Raises:
        OSError: the disk is full or read-only; it can be tried again.
    """
    if not folder.is_publishing:
        return None
    state = folder.state()
    if state.status != "done" or folder.is_choosing:
        from core.report import transaction  # heavy, and hardly ever needed

        try:
            transaction.complete(folder.path)
        except (ValueError, EdgePressError):
            _LOG.exception("The journal of %s is damaged", folder.path)
            folder.end_publishing()
            return None
        folder.remove_leftovers()
        state = state if state.status == "done" else folder.write_done(state)
    folder.end_publishing()
    return state


def _is_settled(folder: JobFolder) -> bool:
    state = folder.state()
    is_waiting = state.status == "queued" and not folder.is_cancel_requested
    is_writing = folder.is_publishing or folder.is_choosing
    return not is_writing and (is_waiting or not state.is_active)


def _end(folder: JobFolder) -> None:
    state = folder.state()
    if state.status == "running" and state.pid is not None:
        end_orphan(state.pid, folder.path)
    is_complete = complete_publishing(folder) is not None
    if folder.is_choosing:
        folder.remove_leftovers()
        folder.end_choosing()
    if is_complete:
        return
    if state.status == "running":
        folder.remove_leftovers()
    if state.is_active and folder.is_cancel_requested:
        folder.write_final_state(replace(state, status="cancelled", reason=messages.cancelled()))
    elif state.status == "running":
        reason, next_step = messages.interrupted()
        folder.write_final_state(replace(state, status="interrupted", reason=reason, next_step=next_step))

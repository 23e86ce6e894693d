"""All jobs of one person: a folder of job folders."""

from __future__ import annotations

import os
import re
import secrets
import time
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from core.common.errors import InputError, OptionError
from core.common.file_lock import FileLock
from core.common.json_files import remove, retry_while_locked
from core.common.paths import make_private
from core.common.text import say
from core.job.job import Job
from core.queue.job_folder import JobFolder
from core.queue.state import JobState as JobState

_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{4}")
_ABANDONED_SECONDS = 3600.0  # after which no process can still be making or deleting a job folder


class JobStore:
    """Finds, makes and deletes jobs. Everything is on disk, so any number of processes may share a store."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._jobs = self.root / "jobs"

    def create(self, job: Job) -> str:
        """Write a new job, ready to be run, and give its id.

        Ids start with the time (UTC) and end with the fraction of the second, so they sort by time.

        Raises:
            OptionError: the job folder cannot be written.
        """
        new = self._jobs / f".new-{secrets.token_hex(8)}"
        try:
            make_private(self.root)
            new.mkdir(parents=True)
            JobFolder(new).initialise(job.absolute())
            return self._move_to_free_id(new)
        except OSError as exc:
            remove(new)
            raise OptionError(
                say('The job cannot be saved in "{folder}".', folder=self.root),
                next_step=say("Make sure that the disk is not full and that you may write to this folder."),
                detail=repr(exc),
            ) from exc

    def ids(self) -> list[str]:
        """All jobs, newest first."""
        try:
            names = [entry.name for entry in os.scandir(self._jobs) if entry.is_dir(follow_symlinks=False)]
        except OSError:
            return []
        return sorted((name for name in names if _ID.fullmatch(name)), reverse=True)

    def folder(self, job_id: str) -> Path:
        """The folder of a job.

        Raises:
            InputError: there is no such job, or this cannot be the id of one.
        """
        return self.open(job_id).path

    def open(self, job_id: str) -> JobFolder:
        """The files of a job. The id may come from outside, such as from a web address.

        Raises:
            InputError: there is no such job, or this cannot be the id of one.
        """
        path = self._jobs / job_id if _ID.fullmatch(job_id) else None
        if path is None or not path.is_dir():
            raise InputError(
                say("There is no such job."),
                next_step=say("It may have been deleted. Pick one from the list of jobs."),
                detail=repr(job_id)[:200],
            )
        return JobFolder(path)

    def job(self, job_id: str) -> Job:
        """The settings of a job.

        Raises:
            InputError: there is no such job, or its file is damaged.
        """
        return self.open(job_id).job()

    def state(self, job_id: str) -> JobState:
        """The state of a job; a damaged folder counts as failed.

        Raises:
            InputError: there is no such job.
        """
        return self.open(job_id).state()

    def write_state(self, job_id: str, state: JobState) -> None:
        """Replace the state on disk.

        Raises:
            InputError: there is no such job.
            OSError: the disk is full or read-only.
        """
        self.open(job_id).write_state(state)

    def report(self, job_id: str) -> dict[str, Any] | None:
        """The report of a job, or None where there is no readable one (yet).

        Raises:
            InputError: there is no such job.
        """
        return self.open(job_id).report()

    def gallery(self, job_id: str) -> list[dict[str, Any]]:
        """The test pictures of a job with each model's predictions, most changed first.

        Raises:
            InputError: there is no such job.
        """
        return self.open(job_id).gallery()

    def delete(self, job_id: str) -> None:
        """Remove the folder of a job that does not run; the finished files beside the model stay.

        Raises:
            InputError: there is no such job, it still runs, or its files are in use.
        """
        folder = self.open(job_id)
        lock = self.lock(job_id)
        if not lock.acquire():
            raise InputError(
                say("This job still runs."), next_step=say("Stop it first, or wait until it has finished.")
            )
        try:
            trash = self._jobs / f".old-{secrets.token_hex(8)}"
            retry_while_locked(lambda: folder.path.rename(trash))
        except OSError as exc:
            raise InputError(
                say("The files of this job are in use by another program."),
                next_step=say("Close the windows that show them, then try again."),
                detail=repr(exc),
            ) from exc
        finally:
            lock.release()
        remove(trash)
        remove(self._lock_path(job_id))

    def lock(self, job_id: str) -> FileLock:
        """Held by the process that runs a job. The file is outside the job folder, so that folder can be renamed."""
        return FileLock(self._lock_path(job_id))

    def queue_lock(self) -> FileLock:
        """Held by the one supervisor that runs the queue."""
        return FileLock(self.root / "queue.lock")

    def remove_abandoned(self) -> None:
        """Remove the folders of processes that died while they made or deleted a job."""
        for pattern in (".new-*", ".old-*"):
            for path in list(self._jobs.glob(pattern)):
                with suppress(OSError):  # the process that owns it may remove it in this moment
                    if time.time() - path.stat().st_mtime > _ABANDONED_SECONDS:
                        remove(path)

    def _lock_path(self, job_id: str) -> Path:
        return self.root / "locks" / f"{job_id}.lock"

    def _move_to_free_id(self, new: Path) -> str:
        """Rename a complete folder to the next free id, which makes it a job."""
        while True:
            now = time.time()
            moment = datetime.fromtimestamp(now, timezone.utc).strftime("%Y%m%d-%H%M%S")
            job_id = f"{moment}-{int(now % 1 * 0x10000):04x}"
            if not (self._jobs / job_id).exists():
                try:
                    new.rename(self._jobs / job_id)
                    return job_id
                except OSError:  # another process took this id in between
                    if not (self._jobs / job_id).exists():
                        raise
            time.sleep(0.001)

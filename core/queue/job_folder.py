"""One job folder: what was asked, where it stands, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.common.errors import EdgePressError, InputError
from core.common.json_files import read_json, remove, retry_while_locked, write_json
from core.common.serialization import from_data, to_data
from core.common.text import say
from core.job.job import Job
from core.queue.state import JobState

_JOB = "job.json"
_STATE = "state.json"
_REPORT = "report.json"
_GALLERY = "gallery.json"
_CANCEL = "cancel"
_LOG_TAIL = 4000


class JobFolder:
    """Reads and writes the files of one job; the name of the folder is the job's id."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def id(self) -> str:
        """The job's id."""
        return self.path.name

    @property
    def log(self) -> Path:
        """Everything that the worker and its tools printed."""
        return self.path / "log.txt"

    def fill(self, job: Job) -> None:
        """Write a new job's first files.

        Raises:
            OSError: the disk is full or read-only.
        """
        write_json(self.path / _JOB, to_data(job))
        self.write_state(JobState("queued", created=time.time()))

    def job(self) -> Job:
        """What was asked.

        Raises:
            InputError: the job file is missing or damaged.
        """
        try:
            return from_data(Job, read_json(self.path / _JOB))
        except (OSError, ValueError, EdgePressError) as exc:
            raise InputError(
                say("The settings of this job cannot be read any more."),
                next_step=say("Delete this job and set it up again; your files are untouched."),
                detail=repr(exc),
            ) from exc

    def state(self) -> JobState:
        """Where it stands; a damaged folder counts as failed."""
        try:
            return from_data(JobState, read_json(self.path / _STATE))
        except (OSError, ValueError) as exc:
            return JobState(
                "failed",
                reason=say("The folder of this job is damaged."),
                next_step=say("Delete this job and set it up again; your files are untouched."),
                detail=repr(exc),
            )

    def write_state(self, state: JobState) -> None:
        """Replace the state on disk.

        Raises:
            OSError: the disk is full, or the folder is gone or read-only.
        """
        write_json(self.path / _STATE, to_data(state))

    def end(self, state: JobState) -> JobState:
        """Write a job's last state, at this moment and without a worker."""
        last = replace(state, finished=time.time(), pid=None)
        self.write_state(last)
        return last

    def report(self) -> dict[str, Any] | None:
        """What came of it, or nothing where there is no readable report (yet)."""
        found = self._read(_REPORT)
        return dict(found) if isinstance(found, Mapping) else None

    def gallery(self) -> list[dict[str, Any]]:
        """The test pictures with everybody's answers, most changed first."""
        found = self._read(_GALLERY)
        return [dict(entry) for entry in found if isinstance(entry, Mapping)] if isinstance(found, list) else []

    def ask_to_cancel(self) -> None:
        """Leave a wish for whichever process runs the job.

        Raises:
            OSError: the folder is gone or read-only.
        """
        retry_while_locked((self.path / _CANCEL).touch)

    @property
    def is_unwanted(self) -> bool:
        """Whether somebody asked to cancel it."""
        return (self.path / _CANCEL).exists()

    def remove_leftovers(self) -> None:
        """Remove the throw-away files of a worker that is gone; finished files stay."""
        remove(self.path / "work")
        try:
            # The id holds only letters, digits and dashes, so it means nothing special in a pattern.
            for part in list(self.job().out.glob(f".*.{self.id}.part")):
                remove(part)
        except (OSError, InputError):
            return

    def log_tail(self) -> str:
        """The end of the log, which is where a crash shows."""
        try:
            with self.log.open("rb") as log:
                log.seek(0, 2)
                log.seek(max(0, log.tell() - _LOG_TAIL))
                return log.read().decode("utf-8", errors="replace").strip()
        except OSError:
            return ""

    def _read(self, name: str) -> Any:
        try:
            return read_json(self.path / name)
        except (OSError, ValueError):
            return None

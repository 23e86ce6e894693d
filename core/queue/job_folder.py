"""The folder of one job: its settings, its state, its results."""

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
from core.job.crashes import Crashes
from core.job.job import Job
from core.queue.state import JobState

_JOB = "job.json"
_STATE = "state.json"
_REPORT = "report.json"
_GALLERY = "gallery.json"
_CANCEL = "cancel"
_CRASHES = "crashes.json"


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

    def initialise(self, job: Job) -> None:
        """Write a new job's first files.

        Raises:
            OSError: the disk is full or read-only.
        """
        write_json(self.path / _JOB, to_data(job))
        self.write_state(JobState("queued", created=time.time()))

    def job(self) -> Job:
        """The job's settings.

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
        """The state on disk; a damaged folder counts as failed."""
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

    def write_final_state(self, state: JobState) -> JobState:
        """Write the job's final state, with the current time and without a worker process.

        Returns:
            What was written.

        Raises:
            OSError: the disk is full, or the folder is gone or read-only.
        """
        final = replace(state, finished=time.time(), pid=None)
        self.write_state(final)
        return final

    def crashes(self) -> Crashes:
        """What earlier worker processes of this job died of; nothing where there is no readable file."""
        try:
            return from_data(Crashes, read_json(self.path / _CRASHES))
        except (OSError, ValueError):
            return Crashes()

    def write_crashes(self, crashes: Crashes) -> None:
        """Record them for the next worker process.

        Raises:
            OSError: the disk is full, or the folder is gone or read-only.
        """
        write_json(self.path / _CRASHES, to_data(crashes))

    def report(self) -> dict[str, Any] | None:
        """The report, or None where there is no readable one (yet)."""
        found = self._read(_REPORT)
        return dict(found) if isinstance(found, Mapping) else None

    def write_report(self, report: Any) -> None:
        """Replace the report.

        Args:
            report: as :func:`core.common.serialization.to_data` makes it.

        Raises:
            OSError: the disk is full, or the folder is gone or read-only.
        """
        write_json(self.path / _REPORT, report, indent=2)

    def gallery(self) -> list[dict[str, Any]]:
        """The test pictures with each model's predictions, most changed first."""
        found = self._read(_GALLERY)
        return [dict(entry) for entry in found if isinstance(entry, Mapping)] if isinstance(found, list) else []

    def request_cancel(self) -> None:
        """Ask whichever process runs the job to cancel it.

        Raises:
            OSError: the folder is gone or read-only.
        """
        retry_while_locked((self.path / _CANCEL).touch)

    @property
    def is_cancel_requested(self) -> bool:
        """Whether :meth:`request_cancel` was called, in any process."""
        return (self.path / _CANCEL).exists()

    def remove_leftovers(self) -> None:
        """Remove the temporary files of a worker that has ended; finished files stay."""
        remove(self.path / "work")
        try:
            # The id holds only letters, digits and dashes, none of which is special in a glob pattern.
            for part in list(self.job().out.glob(f".*.{self.id}.part")):
                remove(part)
        except (OSError, InputError):
            return

    def _read(self, name: str) -> Any:
        try:
            return read_json(self.path / name)
        except (OSError, ValueError):
            return None

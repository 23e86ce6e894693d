"""The folder of one job: its settings, its state, its results."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.common.errors import EdgePressError, InputError
from core.common.format_version import NewerVersionError, read_versioned, write_versioned
from core.common.json_files import remove, retry_while_locked
from core.common.serialization import from_data, to_data
from core.common.text import Text, say
from core.job.crashes import Crashes
from core.job.job import Job
from core.queue.state import JobState

_JOB = "job.json"
_STATE = "state.json"
_REPORT = "report.json"
_GALLERY = "gallery.json"
_CANCEL = "cancel"
_CRASHES = "crashes.json"
_JOURNAL = "publish.json"
_CHOOSING = "choosing"


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
        write_versioned(self.path / _JOB, to_data(job), durable=True)
        self.write_state(JobState("queued", created=time.time()))

    def job(self) -> Job:
        """The job's settings.

        Raises:
            InputError: the job file is missing or damaged.
        """
        try:
            return from_data(Job, read_versioned(self.path / _JOB))
        except (OSError, ValueError, EdgePressError) as exc:
            reason, next_step = _unreadable(exc, say("The settings of this job cannot be read any more."))
            raise InputError(reason, next_step=next_step, detail=repr(exc)) from exc

    def state(self) -> JobState:
        """The state on disk; a damaged folder counts as failed."""
        try:
            return from_data(JobState, read_versioned(self.path / _STATE))
        except (OSError, ValueError) as exc:
            reason, next_step = _unreadable(exc, say("The folder of this job is damaged."))
            return JobState("failed", reason=reason, next_step=next_step, detail=repr(exc))

    def write_state(self, state: JobState) -> None:
        """Replace the state on disk.

        Raises:
            OSError: the disk is full, or the folder is gone or read-only.
        """
        write_versioned(self.path / _STATE, to_data(state))

    def write_final_state(self, state: JobState) -> JobState:
        """Write the job's final state, with the current time and without a worker process.

        Returns:
            What was written.

        Raises:
            OSError: the disk is full, or the folder is gone or read-only.
        """
        final = replace(state, finished=time.time(), pid=None)
        write_versioned(self.path / _STATE, to_data(final), durable=True)
        return final

    def write_done(self, state: JobState) -> JobState:
        """Write that the job is done; otherwise as :meth:`write_final_state`.

        Raises:
            OSError: the disk is full, or the folder is gone or read-only.
        """
        done = JobState("done", fraction=1.0, message=say("Done"), created=state.created, started=state.started)
        return self.write_final_state(replace(done, targets_made=state.targets_made))

    def crashes(self) -> Crashes:
        """What earlier worker processes of this job died of; nothing where there is no readable file."""
        try:
            return from_data(Crashes, read_versioned(self.path / _CRASHES))
        except (OSError, ValueError):
            return Crashes()

    def write_crashes(self, crashes: Crashes) -> None:
        """Record them for the next worker process.

        Raises:
            OSError: the disk is full, or the folder is gone or read-only.
        """
        write_versioned(self.path / _CRASHES, to_data(crashes))

    def report(self) -> dict[str, Any] | None:
        """The report, or None where there is no readable one (yet).

        Raises:
            InputError: it was written by a newer version.
        """
        try:
            found = read_versioned(self.path / _REPORT)
        except NewerVersionError as exc:
            reason, next_step = _unreadable(exc, say("The report of this job is damaged."))
            raise InputError(reason, next_step=next_step, detail=repr(exc)) from exc
        except (OSError, ValueError):
            return None
        return dict(found) if isinstance(found, Mapping) else None

    def write_report(self, report: Any) -> None:
        """Replace the report.

        Args:
            report: as :func:`core.common.serialization.to_data` makes it.

        Raises:
            OSError: the disk is full, or the folder is gone or read-only.
        """
        write_versioned(self.path / _REPORT, report, indent=2, durable=True)

    def gallery(self) -> list[dict[str, Any]]:
        """The test pictures with each model's predictions, most changed first."""
        try:
            found = read_versioned(self.path / _GALLERY)
        except (OSError, ValueError):
            return []
        if isinstance(found, Mapping):  # up to version 0.1 it was the list alone
            found = found.get("entries")
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

    @property
    def is_publishing(self) -> bool:
        """Whether there is a journal of what is to be published: see :mod:`core.report.transaction`."""
        return (self.path / _JOURNAL).exists()

    def end_publishing(self) -> None:
        """Remove the journal, once the final state is written."""
        remove(self.path / _JOURNAL)

    @property
    def is_choosing(self) -> bool:
        """Whether another variant of a file is being put in its place: see :mod:`core.queue.choose_variant`."""
        return (self.path / _CHOOSING).exists()

    def begin_choosing(self) -> None:
        """Mark it, so that what a crash leaves is tidied up.

        Raises:
            OSError: the disk is full, or the folder is gone or read-only.
        """
        (self.path / _CHOOSING).touch()

    def end_choosing(self) -> None:
        """Remove the mark, once nothing is left to be tidied up."""
        remove(self.path / _CHOOSING)

    def remove_leftovers(self) -> None:
        """Remove the temporary files of a worker that has ended; finished files stay, and those of a journal."""
        remove(self.path / "work")
        for part in list(self.path.glob(".*.part")):
            remove(part)
        if self.is_publishing:
            return
        try:
            # The id holds only letters, digits and dashes, none of which is special in a glob pattern.
            for part in list(self.job().out.glob(f".*.{self.id}.part")):
                remove(part)
        except (OSError, InputError):
            return


def _unreadable(error: Exception, damaged: Text) -> tuple[Text, Text]:
    """Reason and next step for a file that cannot be read."""
    if isinstance(error, NewerVersionError):
        reason = say("This job was made by a newer version of EdgePress.")
        return reason, say("Open it with that version, or delete it; your files are untouched.")
    return damaged, say("Delete this job and set it up again; your files are untouched.")

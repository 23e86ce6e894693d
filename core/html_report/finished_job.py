"""A finished job with everything that its report tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.common.errors import InputError
from core.common.text import say
from core.job.job import Job
from core.queue.job_folder import JobFolder
from core.queue.state import JobState
from core.report.gallery_entries import GalleryEntry, read_entries
from core.report.schema import Report, read_report
from core.targets import TARGET_IDS


@dataclass(frozen=True)
class FinishedJob:
    """What is in the job's folder."""

    id: str
    job: Job
    state: JobState
    report: Report
    """Without targets that this version does not know."""

    data: Mapping[str, Any]
    """The report as it is stored."""

    entries: tuple[GalleryEntry, ...]
    """The test pictures, most changed first, with the predictions of the files that are in use."""

    gallery: Sequence[Mapping[str, Any]]
    """The same as it is stored, with the predictions of all files."""

    pictures: Path
    """The folder of the pictures."""


def read_finished_job(folder: JobFolder) -> FinishedJob:
    """Read it.

    Raises:
        InputError: the job is not finished, or damaged.
    """
    data, job, state = folder.report(), folder.job(), folder.state()
    if data is None or state.status != "done":
        raise InputError(
            say("This job has no results to report."),
            next_step=say("Wait until it is done, or choose another one."),
            detail=state.detail,
        )
    report = read_report(data)
    report = replace(report, outcomes=tuple(one for one in report.outcomes if one.target in TARGET_IDS))
    gallery = folder.gallery()
    entries = read_entries(gallery, report.converted)
    return FinishedJob(folder.id, job, state, report, data, entries, gallery, folder.path / "gallery")

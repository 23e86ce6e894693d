"""Folders of finished jobs, made by hand: what the worker would leave, without running anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from core.common.format_version import write_versioned
from core.common.serialization import to_data
from core.html_report.finished_job import FinishedJob, read_finished_job
from core.job.job import Job
from core.queue.job_folder import JobFolder
from core.queue.state import JobState
from core.report.schema import Report

STARTED, FINISHED = 1.7e9, 1.7e9 + 65


def job_for(report: Report, **changes: Any) -> Job:
    """A job that asked for what a report tells."""
    targets = tuple(outcome.target for outcome in report.outcomes)
    job = Job(report.source.path, targets, report.preprocessing, Path("/private/results"), Path("/private/photos"))
    return replace(job, **changes)


def finished_folder(
    folder: Path, report: Report, *, gallery: Sequence[dict[str, Any]] = (), job: Job | None = None
) -> JobFolder:
    """Write the folder of a job that is done."""
    folder.mkdir(parents=True)
    made = JobFolder(folder)
    made.initialise(job or job_for(report))
    made.write_state(JobState("done", 1.0, created=STARTED, started=STARTED, finished=FINISHED))
    made.write_report(to_data(report))
    write_versioned(folder / "gallery.json", {"entries": list(gallery)})
    (folder / "gallery").mkdir()
    return made


def finished(folder: Path, report: Report, **rest: Any) -> FinishedJob:
    """The same, read."""
    return read_finished_job(finished_folder(folder, report, **rest))


def entry(
    folder: Path, name: str, source: dict[str, Any], image: Image.Image, **answers: dict[str, Any]
) -> dict[str, Any]:
    """An entry of the gallery with its picture, as :class:`core.report.gallery.Gallery` writes it."""
    picture = f"{len(list((folder / 'gallery').glob('*.jpg'))):05d}.jpg"
    image.save(folder / "gallery" / picture)
    return {
        "file": name,
        "picture": picture,
        "size": [image.height, image.width],
        "truth": None,
        "source": source,
        "answers": answers,
    }


def answer(prediction: dict[str, Any], agreement: float) -> dict[str, Any]:
    """A file's prediction for one picture."""
    return {"prediction": prediction, "agreement": agreement, "cosine": 0.99, "changed": agreement < 1.0}


def boxes(*found: tuple[float, float, float, float], score: float = 0.9, index: int = 0) -> dict[str, Any]:
    """A prediction of objects."""
    return {
        "kind": "objects",
        "boxes": [list(box) for box in found],
        "scores": [score] * len(found),
        "classes": [index] * len(found),
    }

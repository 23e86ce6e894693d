"""Do a whole job: make every target, compare all of them with the source, judge, publish, report."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from core.contest import Contest, Made, hold_contest
from core.errors import EdgePressError, ImagesError, TargetRefused
from core.images import Split, read_folder, split, test_only
from core.job import Job
from core.outcome import Converted, Failed, Outcome, Refused
from core.preflight import refuse_without_examples, verdicts
from core.progress import Progress, portion
from core.publish import check_out_folder, publish
from core.report.gallery import Gallery
from core.report.result import Report
from core.source import Source, inspect
from core.target import Target
from core.targets import target_by_id
from core.tasks.choose import choose_task
from core.text import Text, say
from core.unexpected import unexpected
from core.workshop import Workshop

_MADE, _CONTESTED = 0.5, 0.98
"""Where the bar stands when the files are made, and when they are compared and timed."""


def run_job(job: Job, folder: Path, progress: Progress) -> Report:
    """Run a job; needs a process of its own, since native libraries may take it down.

    Args:
        job: what to do.
        folder: the job's folder; gets ``report.json``, ``gallery.json`` and ``gallery/``.
        progress: told at every picture.

    Returns:
        What was also written to ``report.json``.

    Raises:
        InputError: the source, the pictures or the output folder cannot be used.
    """
    work = folder / "work"
    work.mkdir(parents=True, exist_ok=True)
    try:
        report = _run(job, folder, work, progress)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    _write(folder / "report.json", report)
    return report


def _run(job: Job, folder: Path, work: Path, progress: Progress) -> Report:
    progress(0.0, say("Checking the model and the pictures"))
    check_out_folder(job.out)
    pictures = _pictures(job)
    workshop = Workshop(inspect(job.source), job.preprocessing, split=pictures, folder=work, inputs=job.inputs)
    workshop.ncnn_tools, workshop.ncnn_calibration = job.ncnn_tools, job.ncnn_calibration
    task = choose_task(workshop.fed, workshop.expected, labels=tuple(pictures.labels.values()))

    attempts = list(_make_all(job, workshop, portion(progress, 0.02, _MADE)))
    made = [attempt for attempt in attempts if isinstance(attempt, Made)]
    gallery = Gallery(folder, task)
    contest = hold_contest(made, workshop, task=task, listen=gallery.add, progress=portion(progress, _MADE, _CONTESTED))
    gallery.write()
    progress(_CONTESTED, say("Putting the files in their place"))
    outcomes = tuple(_finish(attempt, contest, workshop.source, out=job.out, tag=folder.name) for attempt in attempts)
    return Report(
        job=job,
        source=workshop.source,
        task=task.name,
        split=pictures,
        skipped={str(path): why for path, why in workshop.reader.skipped.items()},
        accuracy=contest.source.accuracy,
        latency=contest.source_latency,
        outcomes=outcomes,
        notes=workshop.notes,
        preflight=verdicts(
            workshop.source,
            has_examples=bool(pictures.calibration),
            given=workshop.fixed,
            targets=job.targets,
            pictures=len(pictures.calibration) + len(pictures.test),
            size=job.preprocessing.size,
        ),
    )


def _pictures(job: Job) -> Split:
    images = None if job.images is None else read_folder(job.images)
    test_images = None if job.test_images is None else read_folder(job.test_images)
    if images is not None:
        return split(images, test_images)
    return Split() if test_images is None else test_only(test_images)


def _make_all(job: Job, workshop: Workshop, progress: Progress) -> Iterator[Made | Refused | Failed]:
    for index, target_id in enumerate(job.targets):
        part = portion(progress, index / len(job.targets), (index + 1) / len(job.targets))
        yield _make(target_by_id(target_id), workshop, part)


def _make(target: Target, workshop: Workshop, progress: Progress) -> Made | Refused | Failed:
    """Make one target; the one place where an error becomes an outcome before the comparison."""
    start = time.perf_counter()
    folder = workshop.folder / target.id
    folder.mkdir()

    def naming(fraction: float, message: Text) -> None:
        progress(fraction, say("{target}: {step}", target=target.title, step=message))

    naming(0.0, say("starting"))
    try:
        target.check(workshop.source)
        _check_pictures(target, workshop)
        artifact = target.make(workshop, folder, naming)
    except TargetRefused as exc:
        return Refused(target.id, exc.reason, exc.next_step)
    except EdgePressError as exc:
        return Failed(target.id, exc.reason, exc.next_step, exc.detail, time.perf_counter() - start)
    # A mistake in the making of one file, here or in a library, must not cost the others.
    except Exception as exc:  # noqa: BLE001
        return Failed(target.id, *unexpected(exc), time.perf_counter() - start)
    return Made(target, artifact, time.perf_counter() - start)


def _check_pictures(target: Target, workshop: Workshop) -> None:
    if not target.needs_images:
        return
    if not workshop.split.calibration:
        raise refuse_without_examples(workshop.source, workshop.fixed)
    if not workshop.can_calibrate:
        raise ImagesError(
            say("None of the pictures or arrays can be used with this model."),
            next_step=say("Choose a folder with pictures that open in a picture viewer, or arrays that fit the model."),
        )


def _finish(attempt: Made | Refused | Failed, contest: Contest, source: Source, *, out: Path, tag: str) -> Outcome:
    """Judge what was made, and publish it if it is good."""
    if not isinstance(attempt, Made):
        return attempt
    try:
        comparison, notes = contest.verdict(attempt.target)
        files = publish(attempt.artifact.files, out, tag=tag)
    except EdgePressError as exc:
        return Failed(attempt.target.id, exc.reason, exc.next_step, exc.detail, attempt.seconds)
    artifact = replace(attempt.artifact, files=files, notes=(*attempt.artifact.notes, *notes))
    if artifact.size_bytes > source.size_bytes:
        artifact = replace(artifact, notes=(*artifact.notes, _growth()))
    return Converted(artifact, comparison, attempt.seconds)


def _growth() -> Text:
    return say(
        "The file is larger than the original, which has hardly any weights or computes them anew at each start."
    )


def _write(path: Path, report: Report) -> None:
    partial = path.with_name(f".{path.name}.part")
    partial.write_text(json.dumps(report.to_json(), indent=2, ensure_ascii=False), encoding="utf-8")
    partial.replace(path)

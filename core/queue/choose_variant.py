"""Put another variant of a target's file in the place of the published one, without running the job again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from core.common.errors import ConversionError, EdgePressError, InputError
from core.common.paths import output_stem
from core.common.publish import StagedFile, check_output_folder, discard, stage
from core.common.text import say
from core.job.job import Job
from core.job.target_id import TargetId
from core.queue.job_folder import JobFolder
from core.queue.store import JobStore
from core.report import transaction
from core.report.schema import OutcomeEntry, Report, VariantEntry, read_report
from core.report.variants import variant_folder
from core.targets import TARGET_IDS, target_by_id


def choose_variant(store: JobStore, job_id: str, target: TargetId, number: int) -> Report:
    """Publish another variant of a finished job, and write it into the job's report.

    As where a job ends, a crash leaves the one or the other: recovery completes what the journal names.

    Args:
        store: of the job.
        job_id: of the job, which is done.
        target: whose file is exchanged.
        number: of the variant (:class:`core.report.schema.VariantEntry`).

    Returns:
        The new report.

    Raises:
        InputError: there is no such job or variant, its files are gone, or the job is in use.
        OptionError: the output folder cannot be written to.
        ConversionError: the file cannot be replaced, or the disk is full; the earlier one is still there.
    """
    folder = store.open(job_id)
    lock = store.lock(job_id)
    if not lock.acquire():
        raise InputError(say("This job is in use."), next_step=say("Wait until what is done with it has finished."))
    try:
        job, before = folder.job(), _report(folder)
        variant = _variant(before, target, number)
        files = _files(folder, job, target, variant)
        check_output_folder(job.out)
        return _publish(folder, job.out, target, files, before, _with(before, target, variant))
    finally:
        lock.release()


def _report(folder: JobFolder) -> Report:
    data = folder.report()
    if data is None:
        raise _gone()
    return read_report(data)


def _variant(report: Report, target: TargetId, number: int) -> VariantEntry:
    variants = next((outcome.variants for outcome in report.outcomes if outcome.target == target), ())
    found = next((variant for variant in variants if variant.number == number), None)
    if found is None or target not in TARGET_IDS:
        raise _gone()
    return found


def _files(folder: JobFolder, job: Job, target: TargetId, variant: VariantEntry) -> tuple[Path, ...]:
    """Its files, by the names that they have in the job's folder: paths in a report may point anywhere.

    Raises:
        InputError: they are not there any more, or others.
    """
    place = variant_folder(folder.path, target, variant.number)
    files = tuple(place / name for name in target_by_id(target).file_names(output_stem(job.source)))
    if not all(file.is_file() for file in files) or sum(file.stat().st_size for file in files) != variant.size_bytes:
        raise _gone()
    return files


def _gone() -> EdgePressError:
    return InputError(
        say("This file is no longer in the job's folder."), next_step=say("Start the conversion again to get it.")
    )


def _with(report: Report, target: TargetId, variant: VariantEntry) -> Report:
    """The report with another variant in the place of the published file, which keeps its name."""

    def exchanged(outcome: OutcomeEntry) -> OutcomeEntry:
        return replace(
            outcome,
            size_bytes=variant.size_bytes,
            comparison=variant.comparison,
            notes=variant.notes,
            words=variant.words,
            variant=variant.number,
            arm=None,
        )

    outcomes = (exchanged(one) if one.target == target else one for one in report.outcomes)
    return replace(report, outcomes=tuple(outcomes))


def _publish(
    folder: JobFolder, out: Path, target: TargetId, files: tuple[Path, ...], before: Report, after: Report
) -> Report:
    """Where writing the report fails, the journal stays, and the next start completes it."""
    folder.begin_choosing()
    staged: tuple[StagedFile, ...] = ()
    try:
        staged = stage(files, out, tag=folder.id)
        transaction.begin(folder.path, {target: staged}, after, otherwise=before)
    except BaseException:
        discard(staged)
        folder.end_choosing()
        raise
    report = transaction.complete(folder.path)
    folder.end_publishing()
    folder.end_choosing()
    if report != after:
        raise ConversionError(
            say("The file could not be put in the place of the other one, which is still there."),
            next_step=say("Close the programs that have it open, then try again."),
        )
    return report

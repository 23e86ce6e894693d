"""Publish the files of a job and its report as one transaction, which a crash cannot tear.

Everything that may fail for lack of room is done first: the files are staged in the output folder, and the report is
written into a journal in the job's folder. From then on the job is done, whatever happens: who finds a journal after a
crash or a power cut completes it (a redo log).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from core.common.errors import ConversionError
from core.common.file_lock import FileLock
from core.common.format_version import read_versioned, write_versioned
from core.common.paths import home
from core.common.publish import StagedFile, commit
from core.common.serialization import from_data, to_data
from core.job.outcome import Failed
from core.job.target_id import TargetId
from core.report.make_report import outcome_entry
from core.report.schema import OutcomeEntry, Report

JOURNAL = "publish.json"
_WAIT_SECONDS = 30.0


@dataclass(frozen=True)
class _Journal:
    staged: Mapping[TargetId, tuple[StagedFile, ...]]
    report: Report
    """As it is once all of them are published."""

    otherwise: Report | None = None
    """As it is where one cannot be put in its place; None: that target has failed, and the others are new."""


def begin(
    folder: Path,
    staged: Mapping[TargetId, Sequence[StagedFile]],
    report: Report,
    *,
    otherwise: Report | None = None,
) -> None:
    """Write the journal; once this returns, the files will be published even if the computer is switched off.

    Args:
        folder: the job's folder.
        staged: files of each target, complete in the output folder under temporary names.
        report: names the files as if they were published.
        otherwise: the report where one of them cannot be put in its place; None: that target has failed in it.

    Raises:
        OSError: the disk is full; nothing is changed.
    """
    journal = _Journal({target: tuple(files) for target, files in staged.items()}, report, otherwise)
    write_versioned(folder / JOURNAL, to_data(journal), durable=True)


def complete(folder: Path) -> Report:
    """Publish what the journal names, and write ``report.json``; may be called again after a crash.

    The journal stays: the caller removes it when it has written the job's final state.

    Returns:
        The report; a target whose files cannot be put in their place has failed in it, and its earlier files are back.

    Raises:
        OSError: the report cannot be written, or the journal not be read.
        ValueError: the journal is damaged.
    """
    journal = from_data(_Journal, read_versioned(folder / JOURNAL))
    failed: dict[TargetId, ConversionError] = {}
    for target, files in journal.staged.items():
        try:
            with _only_one_at_a_time(files[0].final.parent):
                commit(files)
        except ConversionError as exc:
            failed[target] = exc
    if failed and journal.otherwise is not None:
        report = journal.otherwise
    else:
        outcomes = tuple(_with_failure(outcome, failed.get(outcome.target)) for outcome in journal.report.outcomes)
        report = replace(journal.report, outcomes=outcomes)
    write_versioned(folder / "report.json", to_data(report), indent=2, durable=True)
    return report


def _with_failure(outcome: OutcomeEntry, error: ConversionError | None) -> OutcomeEntry:
    if error is None:
        return outcome
    return outcome_entry(Failed(outcome.target, error.reason, error.next_step, error.detail, outcome.seconds))


@contextmanager
def _only_one_at_a_time(out: Path) -> Iterator[None]:
    """Two jobs that publish files of the same names must not take turns between a .param and its .bin."""
    name = hashlib.sha256(str(out).encode(errors="surrogateescape")).hexdigest()[:16]
    lock = FileLock(home() / "locks" / f"out-{name}.lock", is_required=False)
    deadline = time.monotonic() + _WAIT_SECONDS
    while not lock.acquire() and time.monotonic() < deadline:
        time.sleep(0.01)
    try:
        yield
    finally:
        lock.release()

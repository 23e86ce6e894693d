"""Write the report of a job and its data files, in a process of its own: pictures are decoded and drawn over."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.common.errors import OptionError
from core.common.json_files import write_bytes, write_json
from core.common.progress import Progress, silent
from core.common.text import Language, say
from core.html_report.data_files import answers_json, figures_csv
from core.html_report.document import render
from core.html_report.finished_job import read_finished_job
from core.process.subprocess_call import call_in_subprocess, never_cancelled
from core.queue.job_folder import JobFolder

_TIMEOUT = 600.0


@dataclass(frozen=True)
class ReportFiles:
    """The files of one report; all have the same name but for the ending."""

    html: Path

    @property
    def csv(self) -> Path:
        """The figures, one row a file."""
        return self.html.with_suffix(".csv")

    @property
    def json(self) -> Path:
        """The whole result as data."""
        return self.html.with_suffix(".json")

    @property
    def answers(self) -> Path:
        """The predictions for each picture."""
        return self.html.with_suffix(".pictures.json")

    @property
    def all(self) -> tuple[Path, ...]:
        """Every one of them."""
        return self.html, *self.data

    @property
    def data(self) -> tuple[Path, ...]:
        """Those for other programs."""
        return self.csv, self.json, self.answers


def write_report(
    folder: Path,
    html: Path,
    language: Language,
    *,
    progress: Progress = silent,
    cancelled: Callable[[], bool] = never_cancelled,
) -> ReportFiles:
    """Write the report of a finished job in a process of its own.

    Args:
        folder: of the job.
        html: the HTML file; its folder exists. The others get its name with endings of their own.
        language: of its sentences.
        progress: called at the beginning.
        cancelled: polled; once it returns true, the process is killed.

    Returns:
        What was written; each file is whole.

    Raises:
        InputError: the job is not finished, or damaged.
        OptionError: a file cannot be written.
        Cancelled: ``cancelled`` returned true.
    """
    progress(0.0, say("Writing the report"))
    call_in_subprocess(
        "write",
        {"folder": str(folder), "html": str(html), "language": language},
        timeout=_TIMEOUT,
        command=[sys.executable, "-m", "core.html_report"],
        cancelled=cancelled,
    )
    return ReportFiles(html)


def write_report_here(folder: Path, html: Path, language: Language) -> None:
    """The same in this process.

    Raises:
        InputError: the job is not finished, or damaged.
        OptionError: a file cannot be written.
    """
    finished, files = read_finished_job(JobFolder(folder)), ReportFiles(html)
    document = render(finished, language)
    try:
        # With a byte order mark, by which spreadsheets know that it is UTF-8.
        write_bytes(files.csv, _encoded("\ufeff" + figures_csv(finished.report)))
        write_json(files.json, finished.data, indent=2)
        write_json(files.answers, answers_json(finished), indent=1)
        write_bytes(files.html, _encoded(document))
    except (OSError, ValueError) as exc:
        raise OptionError(
            say('The report cannot be written to "{file}".', file=html),
            next_step=say("Choose another file, in a folder where you may write."),
            detail=str(exc),
        ) from exc


def _encoded(text: str) -> bytes:
    """As UTF-8; a question mark stands for half of a character in a name that is no text."""
    return text.encode("utf-8", errors="replace")

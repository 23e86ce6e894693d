"""Deployment kits of all files of a job, for the command line."""

from __future__ import annotations

import sys
from pathlib import Path

from core.common.console import Console
from core.common.errors import Cancelled, EdgePressError
from core.common.paths import home
from core.common.progress import portion
from core.common.text import say
from core.kit.make import make_kit
from core.queue.store import JobStore
from core.report.schema import Report
from tools.console import JobProgress, ToolConsole


def make_kits(job_id: str, report: Report, out: Path, *, has_web_runtime: bool) -> bool:
    """Make them, and print where they are.

    Args:
        job_id: of the job, which is done.
        report: of the job.
        out: folder for the kits.
        has_web_runtime: whether onnxruntime-web goes into those that have a web page.

    Returns:
        Whether all could be made; an error of one, which is printed, does not cost the others.
    """
    folder, outcomes = JobStore(home()).folder(job_id), report.converted
    console, errors = Console(sys.stderr), 0
    for number, outcome in enumerate(outcomes):
        try:
            with JobProgress(ToolConsole(sys.stderr)) as progress:
                share = portion(progress.update, number / len(outcomes), (number + 1) / len(outcomes))
                paths = make_kit(folder, outcome.target, out, has_web_runtime, progress=share)
        except Cancelled:
            raise
        except EdgePressError as error:
            console.error(error)
            errors += 1
            continue
        console.print(say("Deployment kit: {folder} and {archive}", folder=paths.folder, archive=paths.archive.name))
    return not errors

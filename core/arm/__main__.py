"""``python -m core.arm FOLDER``: the process in which a job is checked."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from core.arm.check import check_job
from core.common.progress import Progress
from core.process.lifecycle import exit_immediately
from core.process.subprocess_entry import serve


def _check(folder: str, processor: str, progress: Progress) -> None:
    check_job(Path(folder), processor, progress)


if __name__ == "__main__":
    tempfile.tempdir = sys.argv[1]  # is removed in any case, also where this process is killed
    exit_immediately(serve(Path(sys.argv[1]), {"check": _check}))

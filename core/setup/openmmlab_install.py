"""``python -m core.setup.openmmlab_install``: make the environment in a process that can be killed at any moment."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from core.common.progress import Progress, silent
from core.process.lifecycle import exit_immediately
from core.process.subprocess_call import call_in_subprocess, never_cancelled
from core.process.subprocess_entry import serve
from core.setup.openmmlab import create

_TIMEOUT = 6 * 3600.0  # on a slow connection


def install_openmmlab(progress: Progress = silent, *, cancelled: Callable[[], bool] = never_cancelled) -> None:
    """Make the environment, or carry on where that was interrupted; it can be cancelled in the middle of a download.

    Args:
        progress: called for every package.
        cancelled: polled ten times a second; once it returns true, pip is killed, and what is installed stays.

    Raises:
        EdgePressError: as :func:`core.setup.openmmlab.create`.
        Cancelled: ``cancelled`` returned true.
    """
    command = [sys.executable, "-m", "core.setup.openmmlab_install"]
    call_in_subprocess("create", {}, timeout=_TIMEOUT, command=command, progress=progress, cancelled=cancelled)


if __name__ == "__main__":
    exit_immediately(serve(Path(sys.argv[1]), {"create": create}))

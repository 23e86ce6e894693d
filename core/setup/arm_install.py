"""``python -m core.setup.arm_install``: fetch the emulated ARM processor in a process that can be killed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from core.common.errors import EdgePressError
from core.common.progress import Progress, silent
from core.process.lifecycle import exit_immediately
from core.process.subprocess_call import call_in_subprocess, never_cancelled
from core.process.subprocess_entry import serve
from core.setup.arm import create, folder
from core.setup.fetched_folder import remove_unfinished

_TIMEOUT = 3600.0  # on a slow connection


def install_arm(progress: Progress = silent, *, cancelled: Callable[[], bool] = never_cancelled) -> None:
    """Fetch it; cancelled or failed, it leaves nothing.

    Args:
        progress: called for every step.
        cancelled: polled ten times a second; once it returns true, the download is killed.

    Raises:
        EdgePressError: as :func:`core.setup.arm.create`.
        Cancelled: ``cancelled`` returned true.
    """
    command = [sys.executable, "-m", "core.setup.arm_install"]
    try:
        call_in_subprocess("create", {}, timeout=_TIMEOUT, command=command, progress=progress, cancelled=cancelled)
    except EdgePressError:
        remove_unfinished(folder())
        raise


if __name__ == "__main__":
    exit_immediately(serve(Path(sys.argv[1]), {"create": create}))

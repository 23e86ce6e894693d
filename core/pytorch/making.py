"""Make the environment in a process of its own (``python -m core.pytorch.making``), to be ended at any moment."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from core.progress import Progress, silent
from core.pytorch.environment import create
from core.queue.answer import main
from core.queue.call import call, never
from core.queue.worker import leave

_MOST_SECONDS = 6 * 3600.0  # on a slow connection


def make(progress: Progress = silent, *, cancelled: Callable[[], bool] = never) -> None:
    """Make the environment, or carry on where that was interrupted; a cancel is heard in the middle of a download.

    Args:
        progress: hears of every package.
        cancelled: asked several times a second; once it says yes, pip is ended, and what it fetched is kept.

    Raises:
        EdgePressError: as :func:`core.pytorch.environment.create`.
        Cancelled: ``cancelled`` said yes.
    """
    command = [sys.executable, "-m", "core.pytorch.making"]
    call("create", {}, timeout=_MOST_SECONDS, command=command, progress=progress, cancelled=cancelled)


if __name__ == "__main__":
    leave(main(Path(sys.argv[1]), {"create": create}))

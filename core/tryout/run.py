"""Try a picture with all files of a job: started here, run in a helper process that ends when it is not used."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Sequence
from pathlib import Path

from core.common.errors import EdgePressError
from core.job.target_id import TargetId
from core.process import messages
from core.process.helper_process import HelperProcess
from core.tryout.answers import Tried, TriedAnswer
from core.tryout.loaded_job import try_file, try_original

_SECONDS = 120.0
"""Time for loading one model and running it."""

_IDLE_SECONDS = 600.0
"""After which the process, which holds all models of a job, is ended."""

_helper = HelperProcess(("core.tryout.loaded_job",), ended=messages.trying_ended)
atexit.register(_helper.close)
_idle: threading.Timer | None = None
_mutex = threading.Lock()


def prepare() -> None:
    """Start the process, so that the first picture waits for it less."""
    _helper.prepare()
    _end_when_idle()


def try_picture(folder: Path, picture: Path, targets: Sequence[TargetId]) -> Tried:
    """Run the original and files of a job on a picture; a file that fails or crashes costs its own answer only.

    Args:
        folder: of the job.
        picture: file of the picture; nothing is written beside it.
        targets: whose files are run.

    Raises:
        EdgePressError: the picture cannot be decoded, or the original cannot be run.
    """
    shown, original = _helper.call(try_original, folder, picture, seconds=_SECONDS)
    files: dict[TargetId, TriedAnswer] = {}
    errors: dict[TargetId, EdgePressError] = {}
    for target in targets:
        try:
            files[target] = _helper.call(try_file, folder, picture, target, seconds=_SECONDS)
        except EdgePressError as exc:
            errors[target] = exc
    _end_when_idle()
    return Tried(shown, original, files, errors)


def end() -> None:
    """End the process, and give back its memory."""
    _helper.close()


def _end_when_idle() -> None:
    global _idle
    with _mutex:
        if _idle is not None:
            _idle.cancel()
        _idle = threading.Timer(_IDLE_SECONDS, end)
        _idle.daemon = True
        _idle.start()

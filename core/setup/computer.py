"""Whether this computer and this Python can hold an environment, checked before anything is installed."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from core.common.errors import ToolError
from core.common.text import Text, say

NEWEST_TESTED_PYTHON = (3, 13)


def check_computer(folder: Path, *, needed_bytes: int, disk_advice: Text) -> None:
    """Refuse at once, with the reason, what would otherwise fail in the middle of the installation.

    Args:
        folder: where the environment will be made.
        needed_bytes: free disk space that installing takes.
        disk_advice: the next step where there is less.

    Raises:
        ToolError: a 32-bit Python, a Python without venv, a folder that cannot be written, or too little disk space.
    """
    unsupported = unsupported_python()
    if unsupported is not None:
        raise ToolError(
            unsupported,
            next_step=say("Install the 64-bit Python 3.13 from python.org, then start again."),
        )
    missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
    if missing:
        raise _without_venv(missing)
    _check_writable(folder)
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise ToolError(
            say(
                "The disk is nearly full: {free} GB are free, {needed} GB are needed.",
                free=f"{free / 1e9:.1f}",
                needed=f"{needed_bytes / 1e9:.1f}",
            ),
            next_step=disk_advice,
            detail=str(folder),
        )


def unsupported_python() -> Text | None:
    """Why this Python cannot be used, None where it can; one that is too old cannot even import this module."""
    if sys.maxsize <= 2**32:
        return say("This Python is a 32-bit one; the parts that EdgePress needs exist for 64-bit only.")
    return None


def untested_python() -> Text | None:
    """A warning where this Python is newer than all that EdgePress was tested with, else None."""
    if sys.version_info[:2] <= NEWEST_TESTED_PYTHON:
        return None
    return say(
        "Python {version} is newer than what EdgePress was tried on (3.10 to 3.13). If something fails, use 3.13.",
        version=".".join(map(str, sys.version_info[:2])),
    )


def _without_venv(missing: Sequence[str]) -> ToolError:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return ToolError(
        say("This Python lacks the part that makes Python folders (venv)."),
        next_step=say(
            "On Debian or Ubuntu run this, then start again: sudo apt install python{version}-venv\n"
            "Elsewhere install Python from python.org.",
            version=version,
        ),
        detail=f"{sys.executable}: no module named {', '.join(missing)}",
    )


def _check_writable(folder: Path) -> None:
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ToolError(
            say("EdgePress cannot write into its own folder: {folder}", folder=str(folder)),
            next_step=say("Move the EdgePress folder to a place that is yours, then start again."),
            detail=str(error),
        ) from error

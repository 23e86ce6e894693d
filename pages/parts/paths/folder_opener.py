"""Show a folder in the system's own file manager."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from pages.parts.paths.system_window import has_screen, is_local


def can_open() -> bool:
    """Whether the reader would see it: only on this computer itself, and only with a screen."""
    return is_local() and has_screen()


def open_folder(folder: Path) -> None:
    """Open it; nothing happens where the system has no file manager."""
    with suppress(OSError):
        if sys.platform == "win32":
            os.startfile(folder)
        else:
            program = "open" if sys.platform == "darwin" else "xdg-open"
            subprocess.Popen(
                [program, str(folder)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )

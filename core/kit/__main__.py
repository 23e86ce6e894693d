"""``python -m core.kit FOLDER``: the process in which a kit is made."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from core.common.progress import Progress
from core.kit.make import make_kit_here
from core.process.lifecycle import exit_immediately
from core.process.subprocess_entry import serve


def _make(folder: str, target: str, out: str, has_web_runtime: bool, token: str, progress: Progress) -> str:
    made = make_kit_here(Path(folder), target, Path(out), progress, has_web_runtime=has_web_runtime, token=token)
    return made.folder.name


if __name__ == "__main__":
    tempfile.tempdir = sys.argv[1]  # is removed in any case, also where this process is killed
    exit_immediately(serve(Path(sys.argv[1]), {"make": _make}))

"""A real subprocess that serves functions made for the tests."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from core.common.errors import SourceError
from core.common.progress import Progress
from core.common.text import say
from core.process.lifecycle import exit_immediately
from core.process.subprocess_entry import serve


def refuse() -> None:
    raise SourceError(say("{name} is no model.", name="a.txt"), next_step=say("Pick another."), detail="magic")


def double(number: Any) -> Any:
    return 2 * number


def crash() -> None:
    ctypes.string_at(0)


def report(then: str, progress: Progress) -> str:
    """Report progress, then return, crash, or start a child in a session of its own and sleep."""
    progress(0.25, say("Starting"))
    progress(0.5, say("{name} is no model.", name="中"))
    if then == "crash":
        crash()
    if then == "sleep":
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
        progress(0.75, say("Done"))
        time.sleep(60)
    return "reported"


if __name__ == "__main__":
    table = {"double": double, "refuse": refuse, "crash": crash, "report": report, "sleep": lambda: time.sleep(60)}
    exit_immediately(serve(Path(sys.argv[1]), table))

"""Progress of an installation as lines on a console."""

from __future__ import annotations

from core.common.console import Console
from core.common.progress import Progress
from core.common.text import Text, say


def console_progress(console: Console) -> Progress:
    """A callback that writes one indented line for every step, with its percentage."""

    def report(fraction: float, message: Text) -> None:
        console.print(say("[{percent}%] {message}", percent=f"{fraction * 100:3.0f}", message=message), indent=2)

    return report
